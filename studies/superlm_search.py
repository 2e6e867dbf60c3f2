"""From a trained SuperLM to students on disk: ranking under a budget, then a short list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from nas_kd.costs import Budget
from nas_kd.errors import UsageError
from nas_kd.export.text_student import save_text_student
from nas_kd.teachers.language import load_language_teacher
from nas_kd.training.batches import mixed_seed
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.pretraining import PretrainingFolder, load_supernet
from nas_kd.training.processes import make_accelerator
from nas_kd.training.superlm import (
    Finalist,
    RankedStudent,
    SuperLMSettings,
    distil_shortlist,
    objective_of,
    rank_students,
    text_task_of,
    training_text,
)
from nas_kd.whole_files import write_whole
from search_spaces.supernets import SuperLM
from studies.observer import PER_MILLE, Observer, per_mille
from studies.ranking_table import ranking_table


@dataclass(frozen=True)
class SuperLMSearch:
    """What is looked for in a SuperLM, and how long.

    Attributes:
        budget: Limits on ``params`` and ``macs``; shares are of the teacher's.
        top: Students that get weights of their own and a short distillation; 1 skips it.
        epochs: Of that distillation, on the SuperLM's text.
        length: Tokens of the sequences for which MACs are counted; None takes those of the
            training.
        seed: Of the order of the text in the distillation.
    """

    budget: Budget
    top: int = 3
    epochs: int = 1
    length: int | None = None
    seed: int = 0


def search_superlm(
    run: Path, search: SuperLMSearch, folder: Path, observer: Observer
) -> dict[str, Any]:
    """Ranks the students of a SuperLM and writes those of the short list.

    Into ``folder`` go ``ranking.csv``, every student that fits the budget, the best first; and
    ``students/<rank>/``, the short list after its distillation with the teacher's tokenizer, which
    open with transformers. A call that was interrupted goes on in the same folder.

    Args:
        run: The directory of a finished ``nas-kd pretrain`` on text.
        search: What is looked for.
        folder: Where the result goes.
        observer: Told of the progress.

    Returns:
        The short list as JSON values, the best first.

    Raises:
        NoFeasibleStudentError: No student fits the budget.
        UsageError: The directory holds no SuperLM.
    """
    source = _Source(run)
    task = text_task_of(source.superlm.model.config, search.length or source.settings.max_tokens)
    observer.phase("rank", PER_MILLE)
    told = per_mille(observer)
    ranked = rank_students(
        source.superlm,
        source.held_out,
        source.objective,
        task=task,
        budget=search.budget,
        fit=source.fit,
        on_batch=lambda done, total: told(done, total, ""),
    )
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(one.arch, one.loss, one.params, one.macs) for one in ranked]
    write_whole(folder / "ranking.csv", ranking_table("loss", rows))
    finalists = _finalists(source, ranked, search, folder, observer)
    return {
        "students": [
            _save(folder / "students" / str(rank), finalist, source)
            for rank, finalist in enumerate(finalists, start=1)
        ],
        "feasible": len(ranked),
        "size": source.superlm.space.size,
    }


class _Source:
    """A finished pre-training, with its teacher and its text."""

    def __init__(self, run: Path) -> None:
        superlm, folder = load_supernet(run), PretrainingFolder(run)
        self.job, facts = folder.job() or {}, folder.facts() or {}
        if not isinstance(superlm, SuperLM):
            raise UsageError(
                f"supernet: {run} holds no SuperLM, but a supernet of "
                f"{self.job.get('space')}. Give a run of a space of language models."
            )
        self.superlm = superlm
        self.settings = SuperLMSettings(**self.job["settings"])
        self.accelerator = make_accelerator(self.settings.precision)
        superlm.to(self.accelerator.device)
        self.teacher = load_language_teacher(self.job["teacher"])
        self.train, self.held_out = training_text(
            self.job["data"], self.teacher.tokenizer, self.settings, self.job["seed"]
        )
        self.objective = objective_of(self.settings, self.teacher.model, self.accelerator)
        self.fit = self.objective.make_fit(self.superlm.model.config.hidden_size)
        if self.fit is not None:
            self.fit.load_state_dict(load_file(run / facts["fit"]))


def _finalists(
    source: _Source,
    ranked: Sequence[RankedStudent],
    search: SuperLMSearch,
    folder: Path,
    observer: Observer,
) -> list[Finalist]:
    if search.top == 1:
        best = ranked[0]
        return [Finalist(best, best.loss, source.superlm.extract(best.arch))]
    archs = [student.arch.key for student in ranked[: search.top]]
    observer.phase("distill", PER_MILLE)
    return distil_shortlist(
        source.superlm,
        ranked,
        source.train,
        source.held_out,
        source.objective,
        top=search.top,
        settings=replace(source.settings, epochs=search.epochs),
        seed=mixed_seed(search.seed, 3),
        accelerator=source.accelerator,
        checkpoint=CheckpointFile(
            folder, {"students": str(archs), "epochs": str(search.epochs), "seed": str(search.seed)}
        ),
        on_progress=per_mille(observer),
    )


def _save(folder: Path, finalist: Finalist, source: _Source) -> dict[str, Any]:
    """Writes a student; what is known of it."""
    ranked = finalist.ranked
    facts = {
        "arch": dict(ranked.arch),
        "description": source.superlm.space.describe(ranked.arch),
        "space": source.superlm.space.name,
        "params": ranked.params,
        "macs": ranked.macs,
        "shared_loss": ranked.loss,
        "loss": finalist.loss,
        "distillers": source.settings.distillers,
        "teacher": source.teacher.source,
        "data": source.job["data"],
    }
    save_text_student(folder, finalist.model.cpu(), source.teacher.tokenizer, facts)
    return {**facts, "directory": str(folder)}
