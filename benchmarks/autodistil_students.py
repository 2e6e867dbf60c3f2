"""Students of all-MiniLM-L6-v2 under a budget of MACs: chosen, truncated, random.

All of them see the same tokens of WikiText-2: those of a SuperLM's training, or as many alone, and
those of a short distillation on weights of their own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from benchmarks.minilm import teacher, trained_superlm, wikipedia
from nas_kd.costs import Budget
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.language import imitate, imitation_loss
from nas_kd.training.processes import make_accelerator
from nas_kd.training.superlm import (
    RankedStudent,
    SuperLMSettings,
    objective_of,
    rank_students,
    text_task_of,
    training_text,
)
from search_spaces import Arch
from search_spaces.supernets import SuperLM

Told = Callable[[str], Callable[[int, int, str], None]]
"""A phase to what is told how many of how many units of it are over."""

SHORTLIST = 3
_NEAR = 0.9
"""A random student has at least this share of the budget."""


@dataclass(frozen=True)
class Candidate:
    """A student with its pre-training done.

    Attributes:
        role: ``chosen``, ``truncated`` or ``random``.
        arch: What it is; None for the truncated teacher.
        macs: Of one sequence.
        loss: Held-out relation loss at the end.
        model: The student.
    """

    role: str
    arch: Arch | None
    macs: int
    loss: float
    model: Any


class Students:
    """Trains the SuperLM of a space, and students from it.

    Args:
        folder: Where everything finished is kept.
        space: One of AutoDistil's sub-spaces.
        settings: Of the SuperLM and of the short distillation.
        seed: Of both.
        told: Makes a progress bar.
    """

    def __init__(
        self, folder: Path, space: str, settings: SuperLMSettings, seed: int, told: Told
    ) -> None:
        self._folder = folder
        self._space = space
        self._settings = settings
        self._seed = seed
        self._told = told
        self.teacher = teacher()
        self._accelerator = make_accelerator("no")
        self._objective = objective_of(settings, self.teacher.model, self._accelerator)
        self._train, self._held_out = training_text(
            wikipedia(), self.teacher.tokenizer, settings, seed
        )
        self.task = text_task_of(self.teacher.model.config, settings.max_tokens)

    @cached_property
    def superlm(self) -> SuperLM:
        """Trained, or read where that is done."""
        told = self._told(f"{self._space}: SuperLM")
        found, _ = trained_superlm(
            self._folder / "superlm", self._space, self._settings, self._seed, told, wikipedia()
        )
        return found

    def ranked(self, budget: str) -> list[RankedStudent]:
        """The students under a budget, the best first."""
        told = self._told(f"{self._space}: ranking under {budget}")
        return rank_students(
            self.superlm,
            self._held_out,
            self._objective,
            task=self.task,
            budget=Budget.parse([budget]),
            on_batch=lambda done, total: told(done, total, ""),
        )

    def candidates(self, budget: str, randoms: int) -> list[Candidate]:
        """The best of the short list, random students of its size, the truncated teacher."""
        ranked = self.ranked(budget)
        least = _NEAR * max(student.macs for student in ranked)
        near = [student for student in ranked if student.macs >= least]
        draw = torch.randint(
            len(near), (randoms,), generator=torch.Generator().manual_seed(self._seed)
        )
        students = [*ranked[:SHORTLIST], *(near[place] for place in draw.tolist())]
        models = [self.superlm.extract(student.arch) for student in students]
        losses = self._imitate("short", models, self._settings)
        found = [
            Candidate(
                "chosen" if place < SHORTLIST else "random", student.arch, student.macs, *rest
            )
            for place, (student, *rest) in enumerate(zip(students, losses, models, strict=True))
        ]
        best = min(found[:SHORTLIST], key=lambda candidate: candidate.loss)
        return [best, *found[SHORTLIST:], self._truncated(budget)]

    def _truncated(self, budget: str) -> Candidate:
        """The first layers of the teacher, as many as the budget allows, on as many tokens.

        The budget may be exceeded by a hundredth: half of the layers come with the whole pooler.
        """
        family, shape = self.superlm.space.family, self.superlm.space.teacher
        whole = family.sizes(shape, self.task).macs
        limit = Budget.parse([budget]).limits({"macs": whole}).values["macs"]
        depths = range(1, shape.layers + 1)
        macs = {n: family.sizes(replace(shape, layers=n), self.task).macs for n in depths}
        layers = max(n for n in depths if macs[n] <= 1.01 * limit)
        model = _first_layers(self.teacher.model, layers)
        longer = replace(self._settings, epochs=2 * self._settings.epochs)
        (loss,) = self._imitate("truncated", [model], longer)
        return Candidate("truncated", None, macs[layers], loss, model)

    def _imitate(self, name: str, models: Sequence[Any], settings: SuperLMSettings) -> list[float]:
        """Trains the models, or reads them where that is done."""
        kept = [self._folder / name / f"{number}.safetensors" for number in range(len(models))]
        identity = {"settings": str(settings), "students": str([m.config for m in models])}
        if not all(path.is_file() for path in kept):
            imitate(
                models,
                self._train,
                self._held_out,
                self._objective,
                settings=settings,
                seed=self._seed,
                accelerator=self._accelerator,
                checkpoint=CheckpointFile(self._folder / name, identity),
                on_progress=self._told(f"{self._space}: {name}"),
            )
            for path, model in zip(kept, models, strict=True):
                save_file(model.state_dict(), path)
        losses = []
        for path, model in zip(kept, models, strict=True):
            model.load_state_dict(load_file(path))
            losses.append(imitation_loss(model, self._held_out, self._objective))
        return losses


def _first_layers(model: Any, layers: int) -> Any:
    """The teacher without its later layers."""
    cut = copy.deepcopy(model).requires_grad_()
    cut.encoder.layer = cut.encoder.layer[:layers]
    cut.config.num_hidden_layers = layers
    return cut
