"""From a trained elastic supernet to checked students: ranking under a budget, then the best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.whole_files import write_whole
from studies.elastic import ImageLatencyLimit, Source, deliver, ranked, within_budget
from studies.kept_values import KeptValues
from studies.observer import Observer
from studies.ranking_table import ranking_table
from studies.timing import require_whole_precision


@dataclass(frozen=True)
class ElasticSearch:
    """What is looked for in an elastic supernet.

    Attributes:
        budget: Limits; shares are of the largest network.
        profile: Where latency counts.
        latency_margin: By which a measured network has to be faster than its limit.
        seed: Of the linear probe of supernets without classifier.
    """

    budget: Budget
    profile: DeviceProfile
    latency_margin: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        require_whole_precision(self.profile, "networks of a supernet")


def search_elastic(
    run: Path, search: ElasticSearch, folder: Path, observer: Observer
) -> dict[str, Any]:
    """Judges every network within the budget with the shared weights, and delivers the best.

    Into ``folder`` go ``ranking.csv``, the best first, and ``students/1``: weights, configuration,
    ONNX file and manifest. Where latency is limited, the networks are exported and measured in the
    order of the ranking until one holds the limit, and the delivered file is measured again. A call
    that was interrupted goes on in the same folder.

    Args:
        run: The directory of a finished ``nas-kd pretrain`` on an elastic space.
        search: What is looked for.
        folder: Where the result goes.
        observer: Told of the progress.

    Returns:
        The student as JSON values, how many networks there are, and how many were feasible.

    Raises:
        NoFeasibleStudentError: No network fits the budget.
        UsageError: The directory holds no elastic supernet.
        ExportError: ONNX Runtime does not compute what the student computes.
    """
    source, work = Source(run), folder / "work"
    archs = within_budget(source, search.budget)
    work.mkdir(parents=True, exist_ok=True)
    kept = KeptValues(work / "accuracies.json", source.identity, source.judge, chunk=1)
    ranking = ranked(source, archs, kept, observer)
    rows = [(one.arch, one.accuracy, one.params, one.macs) for one in ranking]
    write_whole(folder / "ranking.csv", ranking_table("accuracy", rows))
    limit = None
    if search.budget.needs("latency_ms"):
        limit = ImageLatencyLimit(
            source, search.budget, search.profile, search.latency_margin, work
        )
    chosen = ranking[0] if limit is None else limit.first_in_time(ranking, 1, observer)[0]
    observer.phase("export", None)
    student = deliver(source, chosen, folder / "students" / "1", seed=search.seed, limit=limit)
    return {"student": student, "feasible": len(ranking), "size": source.supernet.space.size}
