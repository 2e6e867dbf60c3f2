"""From a trained SuperLM to students on disk: ranking under a budget, then a short list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.errors import UsageError
from nas_kd.training.superlm import (
    Finalist,
    RankedStudent,
    counted_limits,
    feasible_students,
    in_order,
)
from nas_kd.whole_files import write_whole
from studies.observer import Observer
from studies.supernets.best_students import deliver_best
from studies.supernets.kept_values import KeptValues
from studies.supernets.latency_limit import best_first
from studies.supernets.ranking_table import ranking_table
from studies.supernets.superlm import (
    Choice,
    Source,
    TextLatencyLimit,
    deliver,
    judged_losses,
    shortly_distilled,
    student_key,
    with_shared_weights,
)
from studies.supernets.told_budget import told_budget
from studies.timing import require_whole_precision


@dataclass(frozen=True)
class SuperLMSearch:
    """What is looked for in a SuperLM, and how long.

    Attributes:
        budget: Limits; shares are of the teacher's.
        choice: Which students within the counted budget are judged.
        stock: Whether only students of classes of transformers' own are looked for.
        top: Students that get weights of their own and a short distillation; 1 skips it.
        epochs: Of that distillation, on the SuperLM's text.
        length: Tokens of the sequences for which MACs and latency count; None takes those of the
            training.
        profile: Where latency counts, and where what is delivered is measured; None measures
            nothing.
        latency_margin: By which a measured student has to be faster than its limit.
        seed: Of the order of the text in the distillation.
    """

    budget: Budget
    choice: Choice = field(default_factory=Choice)
    stock: bool = False
    top: int = 3
    epochs: int = 1
    length: int | None = None
    profile: DeviceProfile | None = None
    latency_margin: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if self.limits_latency and self.profile is None:
            raise UsageError("budget: latency is limited, and no device to measure it is named.")
        if self.profile is not None:
            require_whole_precision(self.profile, "students of a SuperLM")

    @property
    def limits_latency(self) -> bool:
        return self.budget.needs("latency_ms")


def search_superlm(
    run: Path, search: SuperLMSearch, folder: Path, observer: Observer
) -> dict[str, Any]:
    """Ranks the students of a SuperLM and writes those of the short list.

    Into ``folder`` go ``ranking.csv``, the students that were judged, the best first; and
    ``students/<rank>/``, the short list after its distillation: transformers' files with the
    teacher's tokenizer, checked ONNX and manifest. Where latency is limited, the short list is made
    of those that hold the limit, and what is delivered is measured again: those that miss it make
    way for as many others, the next of the ranking, which get the same distillation. A call that
    was interrupted goes on in the same folder, and students that any search of this SuperLM judged
    are not judged again (`KeptValues`).

    Args:
        run: The directory of a finished ``nas-kd pretrain`` on text.
        search: What is looked for.
        folder: Where the result goes.
        observer: Told of the progress.

    Returns:
        The short list as JSON values, the best first; how many students the space has, how many
        fit the counted budget, and how many of them were judged; the budget (`told_budget`).

    Raises:
        NoFeasibleStudentError: No student fits the budget.
        UsageError: The directory holds no SuperLM, or no student is of the wanted class.
        ExportError: ONNX Runtime does not compute what a student computes.
    """
    source = Source(run, search.length)
    if not source.has_its_text:
        observer.note(
            f"{source.job['data']} gives other tokens than in the training: what is held out of it "
            "now may have been learned from, so that losses may be lower than on unseen text. Put "
            "back the text, and the teacher's tokenizer, as they were."
        )
    space, work = source.superlm.space, folder / "work"
    sizes = feasible_students(space, source.task, search.budget, stock=search.stock)
    work.mkdir(parents=True, exist_ok=True)
    losses = judged_losses(
        space,
        sizes,
        KeptValues(
            run,
            folder,
            source.judging_identity(),
            source.judge,
            observer.note,
            key=partial(student_key, space),
        ),
        search.choice,
        text=source.train,
        task=source.task,
        observer=observer,
    )
    ranked = in_order(losses, sizes)
    rows = [(one.arch, one.loss, one.params, one.macs) for one in ranked]
    write_whole(folder / "ranking.csv", ranking_table("loss", rows))
    limit = _latency_limit(source, search, work)
    in_turn = best_first(ranked, limit, observer)
    students = deliver_best(
        lambda count: _finalists(source, in_turn(count), search, work, observer),
        search.top,
        partial(deliver, source, profile=search.profile, limit=limit),
        lambda student: float(student["loss"]),
        folder,
        observer,
    )
    return {
        "students": students,
        "judged": len(ranked),
        "feasible": len(sizes),
        "size": space.size,
        "budget": told_budget(
            search.budget, counted_limits(space, source.task, search.budget), "the teacher"
        ),
    }


def _latency_limit(source: Source, search: SuperLMSearch, work: Path) -> TextLatencyLimit | None:
    if search.profile is None or not search.limits_latency:
        return None
    return TextLatencyLimit(
        source.superlm.space,
        source.teacher.model,
        source.task,
        search.budget,
        search.profile,
        search.latency_margin,
        work,
        source.identity,
    )


def _finalists(
    source: Source,
    students: Sequence[RankedStudent],
    search: SuperLMSearch,
    work: Path,
    observer: Observer,
) -> list[Finalist]:
    if search.top == 1:
        return with_shared_weights(source, students)
    return shortly_distilled(
        source, students, work / "distilled", observer, epochs=search.epochs, seed=search.seed
    )
