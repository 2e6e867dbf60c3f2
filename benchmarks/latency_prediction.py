"""How well is latency predicted from 40 measured students?

    python -m benchmarks.latency_prediction [--fitted 40] [--held-out 60] [--max-seconds 1]

On NAS-Bench-201 and on the MobileNet blocks of NAS-Bench-Macro (32x32 images, one thread): 40
students chosen by design are measured and fitted, 60 others are measured and predicted. Beside the
predictor stand a straight line in MACs and the same predictor fitted on 40 random students. One row
a student, one ``summary`` row a space. An interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.latency_students import Students, drift_free_ms
from benchmarks.record import write_rows
from nas_kd.costs.predictor import LatencyPredictor, prediction_error

SPACES = ("nasbench201", "nasbench-macro")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fitted", type=int, default=40)
    parser.add_argument("--held-out", type=int, default=60)
    parser.add_argument("--max-seconds", type=float, default=1.0)
    options = parser.parse_args()
    rows = [row for name in SPACES for row in _space_rows(name, options)]
    path = write_rows("latency_prediction", rows)
    Console().print(f"rows in {path}")


def _space_rows(name: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    students = Students(name)
    chosen, drawn = students.rows(options.fitted, options.held_out)
    records = students.measure([*chosen, *drawn], options.max_seconds)
    truth = drift_free_ms(records)
    x = students.features[[*chosen, *drawn]]
    fit, held = slice(None, len(chosen)), slice(len(chosen), None)
    predictor = LatencyPredictor(x[fit], truth[fit])
    error = prediction_error(
        predictor, x[held], truth[held], fitted_macs=x[fit, 0], fitted_ms=truth[fit]
    )
    Console().print(f"{name}: {error}")
    predicted = predictor.predict(x)
    rows = [
        {
            "space": name,
            "kind": "fitted" if number < len(chosen) else "held out",
            "arch": students.pool[row].key,
            "macs": int(x[number, 0]),
            "measured_ms": truth[number],
            "predicted_ms": predicted[number],
            "flags": " ".join(records[number].flags),
        }
        for number, row in enumerate([*chosen, *drawn])
    ]
    summary = {
        "space": name,
        "kind": "summary",
        **error.to_dict(),
        "mape_of_random_design": _random_design(x[held], truth[held], options.fitted),
    }
    return [*rows, summary]


def _random_design(x: np.ndarray, truth: np.ndarray, fitted: int) -> float | None:
    """Mean error when random held-out students are fitted and the other ones predicted."""
    errors = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(truth))
        some, others = order[:fitted], order[fitted:]
        if not len(others):
            return None
        predictor = LatencyPredictor(x[some], truth[some])
        errors.append(float(np.mean(np.abs(predictor.predict(x[others]) / truth[others] - 1))))
    return float(np.mean(errors))


if __name__ == "__main__":
    main()
