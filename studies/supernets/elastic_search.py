"""From a trained elastic supernet to checked students: ranking under a budget, then the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.errors import UsageError
from nas_kd.whole_files import write_whole
from studies.observer import Observer
from studies.supernets.best_students import deliver_best
from studies.supernets.elastic import (
    ImageLatencyLimit,
    RankedNetwork,
    Source,
    counted_limits,
    deliver,
    ranked,
    within_budget,
)
from studies.supernets.kept_values import KeptValues
from studies.supernets.latency_limit import best_first
from studies.supernets.ranking_table import ranking_table
from studies.supernets.told_budget import told_budget
from studies.timing import require_whole_precision


@dataclass(frozen=True)
class ElasticSearch:
    """What is looked for in an elastic supernet.

    Attributes:
        budget: Limits; shares are of the largest network.
        profile: Where latency counts.
        top: How many of the best are delivered.
        archs: Networks to deliver instead, as JSON or in the space's notation.
        data: Labelled images to judge networks on, for supernets that were trained without labels;
            None takes those of the training.
        latency_margin: By which a measured network has to be faster than its limit.
        seed: Of the linear probe of supernets without classifier.

    Raises:
        UsageError: Two of them do not fit together.
    """

    budget: Budget
    profile: DeviceProfile
    top: int = 1
    archs: tuple[str, ...] = ()
    data: str | None = None
    latency_margin: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        require_whole_precision(self.profile, "networks of a supernet")
        if self.archs and (self.budget.entries or self.top != 1):
            raise UsageError(
                "--arch: the networks to deliver are named; leave --budget and --top out."
            )


def search_elastic(
    run: Path, search: ElasticSearch, folder: Path, observer: Observer
) -> dict[str, Any]:
    """Judges every network within the budget with the shared weights, and delivers the best.

    Into ``folder`` go ``ranking.csv``, the best first, and ``students/<rank>``: weights,
    configuration, ONNX file and manifest. Where latency is limited, the networks are exported and
    measured in the order of the ranking until enough hold the limit; delivered files are measured
    again, and one that misses the limit makes way for the next network. A call that was interrupted
    goes on in the same folder, and networks that any search of this supernet judged are not judged
    again (`KeptValues`).

    Args:
        run: The directory of a finished ``nas-kd pretrain`` on an elastic space.
        search: What is looked for.
        folder: Where the result goes.
        observer: Told of the progress.

    Returns:
        The students as JSON values, the best first; how many networks the space has, how many fit
        the counted budget, and how many of them were judged; the budget (`told_budget`).

    Raises:
        NoFeasibleStudentError: No network fits the budget.
        UsageError: The directory holds no elastic supernet, the data does not fit it, or a network
            is not in it.
        ExportError: ONNX Runtime does not compute what the student computes.
    """
    source, work = Source(run, search.data), folder / "work"
    if not source.has_its_images:
        observer.note(
            f"{source.data_name} gives other training images than in the training: what is held "
            "out of them now may have been learned from, so that accuracies may be higher than on "
            "unseen images. Put back what was there."
        )
    space = source.supernet.space
    feasible = within_budget(source, search.budget)
    named = list(dict.fromkeys(space.parse(text) for text in search.archs))
    work.mkdir(parents=True, exist_ok=True)
    observer.phase("read images", None)
    kept = KeptValues(run, folder, source.judging_identity(), source.judge, observer.note, chunk=1)
    ranking = ranked(source, named or feasible, kept, observer)
    rows = [(one.arch, one.accuracy, one.params, one.macs) for one in ranking]
    write_whole(folder / "ranking.csv", ranking_table("accuracy", rows))
    return {
        "students": _delivered(source, search, ranking, len(named) or search.top, folder, observer),
        "judged": len(ranking),
        "feasible": len(feasible),
        "size": space.size,
        "budget": told_budget(
            search.budget, counted_limits(source, search.budget), "the largest network"
        ),
    }


def _delivered(
    source: Source,
    search: ElasticSearch,
    ranking: Sequence[RankedNetwork],
    count: int,
    folder: Path,
    observer: Observer,
) -> list[dict[str, Any]]:
    """The best ``count`` on disk, and what is known of them."""
    limit = None
    if search.budget.needs("latency_ms"):
        limit = ImageLatencyLimit(
            source, search.budget, search.profile, search.latency_margin, folder / "work"
        )
    return deliver_best(
        best_first(ranking, limit, observer),
        count,
        partial(deliver, source, seed=search.seed, limit=limit),
        lambda student: -float(student["shared_accuracy"]),
        folder,
        observer,
    )
