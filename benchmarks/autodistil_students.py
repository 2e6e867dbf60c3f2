"""Students of all-MiniLM-L6-v2 with the MACs of its first layers: chosen, truncated, random.

All of them see the same tokens of WikiText-2: those of a SuperLM's training, or as many alone, and
those of a short distillation on weights of their own. Nothing is dropped at random: from so little
text students come nearer to their teacher that way.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from benchmarks.minilm import default_folder, once, pretraining, trained_superlm, wikipedia
from nas_kd.costs import Budget
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.language import imitate, imitation_loss
from nas_kd.training.superlm import (
    RankedStudent,
    SuperLMSettings,
    feasible_students,
    in_order,
    shared_weight_losses,
)
from search_spaces import Arch
from studies.supernets.superlm import Source

Told = Callable[[str], Callable[[int, int, str], None]]
"""A phase to what is told how many of how many units of it are over."""

SHORTLIST = 3
DROPOUT = 0.0
_NEAR = 0.9
"""A random student has at least this share of the budget."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of all benchmarks with such students."""
    parser.add_argument("--importance", default="gradient")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--pretraining-epochs", type=int, default=1)
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--folder", type=Path, default=default_folder("autodistil-students"))


def settings_of(options: argparse.Namespace) -> SuperLMSettings:
    """How the SuperLM is trained, and every student."""
    return pretraining(
        options.tokens,
        options.pretraining_epochs,
        importance=options.importance,
        dropout=DROPOUT,
        precision=options.precision,
    )


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

    @cached_property
    def source(self) -> Source:
        """The SuperLM, trained, or read where that is done; its teacher and its text."""
        run = self._folder / "superlm"
        told = self._told(f"{self._space}: SuperLM")
        trained_superlm(run, self._space, self._settings, self._seed, told, wikipedia())
        return Source(run, None)

    def ranked(self, budget: str) -> list[RankedStudent]:
        """The students under a budget, the best first."""
        sizes = feasible_students(
            self.source.superlm.space, self.source.task, Budget.parse([budget])
        )
        return in_order({arch: self._losses[arch.to_json()] for arch in sizes}, sizes)

    @cached_property
    def _losses(self) -> dict[str, float]:
        """Held-out losses of all students with the shared weights."""
        told = self._told(f"{self._space}: ranking")

        def judged() -> dict[str, float]:
            archs = list(self.source.superlm.space.enumerate())
            losses = shared_weight_losses(
                self.source.superlm,
                archs,
                self.source.held_out,
                self.source.objective,
                on_batch=lambda done, total: told(done, total, ""),
            )
            return {arch.to_json(): loss for arch, loss in losses.items()}

        return once(self._folder / "losses.json", judged)

    def macs_of_first(self, layers: int) -> int:
        """MACs of the teacher's first layers, with its pooler."""
        space = self.source.superlm.space
        shape = replace(space.teacher, layers=layers)
        return int(space.family.sizes(shape, self.source.task).macs)

    def candidates(self, layers: int, randoms: int) -> list[Candidate]:
        """The best of the short list, others of its size at random, the teacher's first layers.

        Args:
            layers: Of the truncated teacher; its MACs are the others' budget.
            randoms: How many students to draw.
        """
        macs = self.macs_of_first(layers)
        ranked = self.ranked(f"macs={macs}")
        best = min(self._distilled("short", "chosen", ranked[:SHORTLIST]), key=_loss_of)
        near = [one for one in ranked if one.macs >= _NEAR * macs and one.arch != best.arch]
        draws = torch.Generator().manual_seed(self._seed)
        drawn = torch.randperm(len(near), generator=draws)[:randoms].tolist()
        others = self._distilled("random", "random", [near[place] for place in drawn])
        model = _first_layers(self.source.teacher.model, layers)
        longer = replace(self._settings, epochs=2 * self._settings.epochs)
        (loss,) = self._imitate("truncated", [model], longer)
        return [best, *others, Candidate("truncated", None, macs, loss, model)]

    def _distilled(
        self, name: str, role: str, students: Sequence[RankedStudent]
    ) -> list[Candidate]:
        """Students with the shared weights, each distilled for as long as the SuperLM was."""
        models = [self.source.superlm.extract(student.arch) for student in students]
        losses = self._imitate(name, models, self._settings)
        return [
            Candidate(role, student.arch, student.macs, loss, model)
            for student, loss, model in zip(students, losses, models, strict=True)
        ]

    def _imitate(self, name: str, models: Sequence[Any], settings: SuperLMSettings) -> list[float]:
        """Trains the models, or reads them where that is done."""
        kept = [self._folder / name / f"{number}.safetensors" for number in range(len(models))]
        identity = {"settings": str(settings), "students": str([m.config for m in models])}
        if not all(path.is_file() for path in kept):
            imitate(
                models,
                self.source.train,
                self.source.held_out,
                self.source.objective,
                settings=settings,
                seed=self._seed,
                accelerator=self.source.accelerator,
                checkpoint=CheckpointFile(self._folder / name, identity),
                on_progress=self._told(f"{self._space}: {name}"),
            )
            for path, model in zip(kept, models, strict=True):
                save_file(model.state_dict(), path)
        losses = []
        for path, model in zip(kept, models, strict=True):
            model.load_state_dict(load_file(path))
            losses.append(imitation_loss(model, self.source.held_out, self.source.objective))
        return losses


def _loss_of(candidate: Candidate) -> float:
    return candidate.loss


def _first_layers(model: Any, layers: int) -> Any:
    """The teacher without its later layers."""
    cut = copy.deepcopy(model).requires_grad_()
    cut.encoder.layer = cut.encoder.layer[:layers]
    cut.config.num_hidden_layers = layers
    return cut
