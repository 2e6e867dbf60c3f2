"""Do two measurements of the same students agree, on a quiet machine and beside a busy process?

    python -m benchmarks.latency_repeatability [--students 40] [--seed 0] [--max-seconds 2]

Random NAS-Bench-201 students (32x32 images, 10 classes) are measured four times on one thread: in
two quiet passes, and in two passes beside one process that multiplies matrices. A pass takes all
students in the same processes, its own ones, in a random order of its own. Each student gives one
row, and each pair of passes one row per statistic with ``kind`` ``summary``: Spearman's rho, the
median and the largest relative difference, and the share of records flagged ``busy``, ``slow`` or
``drift``. The statistics are the record's ``median_ms`` (steady runs only), its ``normalised_ms``
(at the usual speed of the machine, as learned in the quiet passes), and the plain median of all
runs.

An interrupted run goes on where it was; ``--fresh`` begins anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from scipy.stats import spearmanr

from benchmarks.record import write_rows
from nas_kd.costs import DeviceProfile, LatencyRecord, measure_many
from nas_kd.costs.latency_cache import LatencyCache
from nas_kd.export import export_onnx
from nas_kd.whole_files import write_whole
from search_spaces import Arch, NasBench201, Task

TASK = Task(in_channels=3, image_size=32, num_classes=10)
SPACE = NasBench201()
PROFILE = DeviceProfile("cpu")
PASSES = (("quiet", 1), ("quiet", 2), ("busy", 1), ("busy", 2))
PAIRS = (
    (("quiet", 1), ("quiet", 2)),
    (("busy", 1), ("busy", 2)),
    (("quiet", 1), ("busy", 1)),
    (("quiet", 2), ("busy", 2)),
)
STATISTICS: dict[str, Callable[[LatencyRecord], float | None]] = {
    "median_ms": lambda record: record.median_ms,
    "normalised_ms": lambda record: record.normalised_ms,
    "median of all runs": lambda record: record.all_runs["median_ms"],
}
_BUSY = """
import numpy as np
a = np.random.default_rng(0).random((384, 384), dtype=np.float32)
while True:
    a @ a
"""

Pass = tuple[str, int]


@dataclass(frozen=True)
class Work:
    """Where the files of an unfinished run lie, and what it measures."""

    folder: Path
    students: list[Arch]
    seed: int
    max_seconds: float

    @property
    def cache(self) -> LatencyCache:
        """Only learns the machine's usual speed: every measurement is made."""
        return LatencyCache(self.folder / "cache", fresh=True)

    def student(self, number: int) -> Path:
        return self.folder / f"{number:03d}.onnx"

    def records(self, which: Pass) -> Path:
        return self.folder / f"{which[0]}-{which[1]}.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-seconds", type=float, default=2.0)
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    work = _prepare(options.students, options.seed, options.max_seconds, options.fresh)
    with Progress(console=Console(stderr=True)) as progress:
        _export(work, progress)
        passes = {which: _measure(work, which, progress) for which in PASSES}
    speed = work.cache.reference_speed(PROFILE)
    passes = {
        which: {i: speed.normalise(record) for i, record in records.items()}
        for which, records in passes.items()
    }
    summaries = [row for pair in PAIRS for row in _summarise(passes, pair)]
    path = write_rows("latency_repeatability", [*_rows(work, passes), *summaries])
    _show(summaries)
    Console().print(f"rows in {path}")
    shutil.rmtree(work.folder)


def _prepare(count: int, seed: int, max_seconds: float, fresh: bool) -> Work:
    settings = f"{count}-{seed}-{max_seconds}".encode()
    name = f"nas-kd-repeatability-{hashlib.sha256(settings).hexdigest()[:12]}"
    folder = Path(gettempdir()) / name
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    return Work(folder, _draw(count, seed), seed, max_seconds)


def _draw(count: int, seed: int) -> list[Arch]:
    """Different canonical cells, in random order."""
    generator = np.random.default_rng(seed)
    drawn: dict[str, Arch] = {}
    while len(drawn) < count:
        arch = SPACE.canonical(SPACE.arch_at(int(generator.integers(SPACE.size))))
        drawn.setdefault(SPACE.describe(arch), arch)
    return list(drawn.values())


def _export(work: Work, progress: Progress) -> None:
    for number, arch in enumerate(progress.track(work.students, description="export")):
        if work.student(number).is_file():
            continue
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(work.seed)
            module = SPACE.build(arch, TASK)
        export_onnx(module, TASK.input_shape, work.student(number))


def _measure(work: Work, which: Pass, progress: Progress) -> dict[int, LatencyRecord]:
    """One pass, all students in the same processes; not made again after an interruption."""
    load, number = which
    path = work.records(which)
    total = len(work.students)
    bar = progress.add_task(f"{load} {number}", total=total)
    if not path.is_file():
        generator = np.random.default_rng([work.seed, PASSES.index(which)])
        order = [int(i) for i in generator.permutation(total)]
        files = [work.student(i) for i in order]
        with _busy_process() if load == "busy" else nullcontext():
            records = measure_many(files, PROFILE, max_seconds=work.max_seconds, cache=work.cache)
        states = {i: record.to_dict() for i, record in zip(order, records, strict=True)}
        write_whole(path, json.dumps(states))
    progress.update(bar, completed=total)
    return _read(path)


def _read(path: Path) -> dict[int, LatencyRecord]:
    states = json.loads(path.read_text())
    return {int(i): LatencyRecord.from_dict(state) for i, state in states.items()}


@contextmanager
def _busy_process() -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-c", _BUSY], env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _rows(work: Work, passes: dict[Pass, dict[int, LatencyRecord]]) -> Iterator[dict[str, Any]]:
    for (load, number), records in passes.items():
        for student, record in sorted(records.items()):
            yield {
                "kind": "student",
                "load": load,
                "pass": number,
                "arch": SPACE.describe(work.students[student]),
                "median_ms": round(record.median_ms, 5),
                "ci_low_ms": round(record.ci95_ms[0], 5),
                "ci_high_ms": round(record.ci95_ms[1], 5),
                "p90_ms": round(record.p90_ms, 5),
                "normalised_ms": round(record.normalised_ms or 0.0, 5),
                "all_runs_median_ms": round(record.all_runs["median_ms"], 5),
                "relative_to_reference": round(record.relative_to_reference, 5),
                "reference_ms": round(record.reference_ms, 5),
                "steady_share": round(record.steady_share, 4),
                "n": record.n,
                "processes": len(record.process_medians_ms),
                "others": record.load.get("others"),
                "flags": " ".join(record.flags),
            }


def _summarise(
    passes: dict[Pass, dict[int, LatencyRecord]], pair: tuple[Pass, Pass]
) -> Iterator[dict[str, Any]]:
    students = sorted(passes[pair[0]])
    one, other = ([passes[which][i] for i in students] for which in pair)
    flagged = [bool({"busy", "slow", "drift"} & set(r.flags)) for r in (*one, *other)]
    for statistic, read in STATISTICS.items():
        first, second = (np.array([read(r) for r in records], float) for records in (one, other))
        differences = 2 * np.abs(first - second) / (first + second)
        yield {
            "kind": "summary",
            "load": " and ".join(dict.fromkeys(load for load, _ in pair)),
            "pass": f"{pair[0][1]} and {pair[1][1]}",
            "statistic": statistic,
            "spearman": round(float(spearmanr(first, second).statistic), 5),
            "median_difference": round(float(np.median(differences)), 5),
            "largest_difference": round(float(differences.max()), 5),
            "flagged": round(float(np.mean(flagged)), 4),
        }


def _show(summaries: Sequence[dict[str, Any]]) -> None:
    table = Table("passes", "statistic", "Spearman", "median difference", "largest", "flagged")
    for row in summaries:
        table.add_row(
            f"{row['load']} ({row['pass']})", row["statistic"], f"{row['spearman']:.4f}",
            f"{row['median_difference']:.2%}", f"{row['largest_difference']:.2%}",
            f"{row['flagged']:.0%}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
