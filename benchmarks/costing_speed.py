"""What does it cost to know the cost of a candidate?

    python -m benchmarks.costing_speed [--candidates 10000] [--exported 20]

MACs, parameters and predicted latency of 10,000 random NAS-Bench-201 candidates in one process,
against exporting and timing each of 20, in the same run. The predictor is the one of
``benchmarks.latency_prediction``, whose measurements are taken over.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from rich.console import Console
from rich.progress import Progress, track

from benchmarks.latency_students import PROFILE, TASK, Students, drift_free_ms
from benchmarks.record import write_rows
from nas_kd.costs import measure_latency
from nas_kd.costs.predictor import LatencyPredictor
from search_spaces import create_space
from studies.counting import counted_costs
from studies.random_arch import random_arch

SPACE = "nasbench201"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--exported", type=int, default=20)
    parser.add_argument("--max-seconds", type=float, default=1.0)
    options = parser.parse_args()

    students = Students(SPACE)
    chosen, _ = students.rows(40, 0)
    records = students.measure(chosen, options.max_seconds)
    predictor = LatencyPredictor(students.features[chosen], drift_free_ms(records))
    costing = _cost_all(students, predictor, options.candidates)
    exporting, timing = _export_and_time(options.exported, options.max_seconds)
    row = {
        "space": SPACE,
        "candidates": options.candidates,
        "costing_seconds": costing,
        "costing_ms_per_candidate": 1000 * costing / options.candidates,
        "exported": options.exported,
        "export_seconds_per_candidate": exporting / options.exported,
        "timing_seconds_per_candidate": timing / options.exported,
        "times_faster": (exporting + timing) / options.exported / (costing / options.candidates),
    }
    path = write_rows("costing_speed", [row])
    Console().print(
        f"{options.candidates:,} candidates in {costing:.1f} s, "
        f"{row['costing_ms_per_candidate']:.2f} ms each; exporting and timing takes "
        f"{row['times_faster']:,.0f} times as long; row in {path}"
    )


def _cost_all(students: Students, predictor: LatencyPredictor, count: int) -> float:
    """Seconds for MACs, parameters and latency of ``count`` candidates, one by one."""
    space, generator = create_space(SPACE), np.random.default_rng(7)
    archs = [random_arch(space, generator) for _ in range(count)]
    space.canonical(archs[0])  # its table of isomorphic cells is made once a process
    start = time.perf_counter()
    for arch in track(archs, "costing"):
        canonical = space.canonical(arch)
        costs = counted_costs(space, canonical, TASK)
        predictor.predict(students.encoder.encode(canonical, costs))
    return time.perf_counter() - start


def _export_and_time(count: int, max_seconds: float) -> tuple[float, float]:
    """Seconds for exporting and for timing ``count`` candidates, one by one."""
    students = Students(SPACE, seed=11, pool_size=count)
    exporting = timing = 0.0
    with Progress() as progress:
        task = progress.add_task("exporting and timing", total=count)
        for row in range(count):
            start = time.perf_counter()
            file = students.export(row)
            exported = time.perf_counter()
            measure_latency(file, PROFILE, max_seconds=max_seconds)
            exporting += exported - start
            timing += time.perf_counter() - exported
            file.unlink()
            progress.advance(task)
    return exporting, timing


if __name__ == "__main__":
    main()
