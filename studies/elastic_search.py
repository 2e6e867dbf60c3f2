"""From a trained elastic supernet to checked students: ranking under a budget, then the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.data import DataSplits, load_data
from nas_kd.errors import NoFeasibleStudentError, UsageError
from nas_kd.export import export_checked, export_onnx, save_student, write_manifest
from nas_kd.training import evaluate_accuracy
from nas_kd.training.elastic.judging import shared_accuracy
from nas_kd.training.elastic.student import classifier_of
from nas_kd.training.pretraining import PretrainingFolder, load_supernet
from nas_kd.whole_files import write_whole
from search_spaces import Arch, Sizes
from search_spaces.supernets.elastic import ElasticSupernet
from studies.observer import Observer
from studies.ranking_table import ranking_table
from studies.timing import Timing, require_whole_precision, time_beside

_MEASURED_AT_MOST = 16


@dataclass(frozen=True)
class RankedNetwork:
    """A network within the counted budget, and what the shared weights make of it."""

    arch: Arch
    sizes: Sizes
    accuracy: float


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
    order of the ranking until one holds the limit, and the delivered file is measured again.

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
    source = _Source(run)
    ranking = _rank(source, search, observer)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(one.arch, one.accuracy, one.sizes.params, one.sizes.macs) for one in ranking]
    write_whole(folder / "ranking.csv", ranking_table("accuracy", rows))
    observer.phase("measure and export", None)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    chosen = _first_in_time(source, ranking, search, work)
    student = _deliver(source, chosen, search, folder / "students" / "1", work)
    return {"student": student, "feasible": len(ranking), "size": source.supernet.space.size}


class _Source:
    """A finished pre-training and its data."""

    def __init__(self, run: Path) -> None:
        supernet, self.job = load_supernet(run), PretrainingFolder(run).job() or {}
        if not isinstance(supernet, ElasticSupernet):
            raise UsageError(
                f"supernet: {run} holds a supernet of {self.job.get('space')}, which was trained "
                "to find one cell. Distil that with nas-kd distill; its arch is in supernet.json."
            )
        self.supernet = supernet
        self.data: DataSplits = load_data(
            self.job["data"], seed=self.job["seed"], image_size=self.job["image_size"]
        )
        self.task = replace(supernet.task, num_classes=self.data.num_classes)

    def sizes(self, arch: Arch) -> Sizes:
        """Of the network with its classifier."""
        return self.supernet.space.sizes(arch, self.task)


def _rank(source: _Source, search: ElasticSearch, observer: Observer) -> list[RankedNetwork]:
    archs = _within_counted_budget(source, search.budget)
    observer.phase("rank", len(archs))
    ranked: list[RankedNetwork] = []
    for number, arch in enumerate(archs, start=1):
        accuracy = shared_accuracy(source.supernet, arch, source.data)
        ranked.append(RankedNetwork(arch, source.sizes(arch), accuracy))
        best = max(network.accuracy for network in ranked)
        observer.advance(number, best=f"validation {best:.2%}")
    return sorted(ranked, key=lambda n: (-n.accuracy, n.sizes.macs, n.arch.key))


def _within_counted_budget(source: _Source, budget: Budget) -> list[Arch]:
    counted = Budget(tuple(e for e in budget.entries if e.metric != "latency_ms"))
    space = source.supernet.space
    limits = counted.limits(vars(source.sizes(space.largest)))
    archs = [
        arch
        for arch in space.enumerate()
        if all(v <= 0 for v in limits.violations(vars(source.sizes(arch))).values())
    ]
    if not archs:
        smallest = source.sizes(space.smallest)
        raise NoFeasibleStudentError(
            f"budget: no network of {space.name} meets it. The smallest has {smallest.macs:,} MACs "
            f"and {smallest.params:,} parameters. Raise the budget, or train a smaller supernet."
        )
    return archs


def _first_in_time(
    source: _Source, ranking: Sequence[RankedNetwork], search: ElasticSearch, work: Path
) -> RankedNetwork:
    """The best network that holds the latency limit; the best of all where there is none."""
    if not search.budget.needs("latency_ms"):
        return ranking[0]
    tried = []
    for number, network in enumerate(ranking[:_MEASURED_AT_MOST], start=1):
        timing = _time(source, _export(source, network.arch, work / f"{number}.onnx"), search, work)
        if timing.holds(search.latency_margin):
            return network
        tried.append(timing.latency.median_ms)
    raise NoFeasibleStudentError(
        f"budget: none of the {len(tried)} best networks holds the latency limit (the fastest took "
        f"{min(tried):.3g} ms). Limit macs, too, so that smaller ones are tried, or raise it."
    )


def _time(source: _Source, file: Path, search: ElasticSearch, work: Path) -> Timing:
    """Measures a file beside the largest network, of which the limit may be a share."""
    largest = source.supernet.space.largest
    whole = _export(source, largest, work / "largest.onnx")
    return time_beside(file, whole, vars(source.sizes(largest)), search.budget, search.profile)


def _export(source: _Source, arch: Arch, path: Path) -> Path:
    """The untrained network with its classifier: weights do not change how long it takes."""
    if not path.is_file():
        export_onnx(source.supernet.space.build(arch, source.task), source.task.input_shape, path)
    return path


def _deliver(
    source: _Source,
    network: RankedNetwork,
    search: ElasticSearch,
    directory: Path,
    work: Path,
) -> dict[str, Any]:
    space, data = source.supernet.space, source.data
    module = classifier_of(source.supernet, network.arch, data, seed=search.seed)
    save_student(
        directory,
        module=module,
        space_name=source.job["space"],
        space_options=source.job["space_options"],
        arch=network.arch,
        task=source.task,
        classes=data.classes,
        mean=data.mean,
        std=data.std,
        provenance={"supernet": source.job["method"], "data": source.job["data"]},
    )
    onnx = directory / "student.onnx"
    parity = export_checked(module, source.task.input_shape, onnx, seed=search.seed)
    accuracy = {
        "shared_accuracy": network.accuracy,
        "accuracy": evaluate_accuracy(module, data.test or data.validation),
    }
    costs = {"macs": network.sizes.macs, "params": network.sizes.params}
    timed = _time(source, onnx, search, work) if search.budget.needs("latency_ms") else None
    write_manifest(
        directory,
        costs=costs,
        latency=None if timed is None else timed.latency,
        parity=parity,
        accuracy=accuracy,
        seeds={"probe": search.seed},
        extra={"pretraining": source.job},
    )
    return {
        "arch": dict(network.arch),
        "description": space.describe(network.arch),
        **costs,
        **accuracy,
        "latency_ms": None if timed is None else timed.latency.to_document(),
        "budget_met": timed is None or timed.is_met,
        "onnx": str(onnx),
        "directory": str(directory),
    }
