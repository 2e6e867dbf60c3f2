"""The embedded digits job over several seeds: what distillation gains, against the teacher.

    python -m benchmarks.digits [--seeds 0 1 2]

Each seed is a whole `nas-kd search` with its own teacher, split and student; the same command
continues where it was interrupted. Accuracies are on the 360 test digits, the same for every seed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console

from benchmarks.record import write_rows
from studies.run_directory import RunDirectory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args()
    rows = [_row(seed, options.runs / f"digits-seed-{seed}") for seed in options.seeds]
    path = write_rows("digits", rows)
    console = Console()
    for name in ("teacher", "student", "student_without_teacher"):
        console.print(f"{name}: mean {mean(row[name] for row in rows):.2%}")
    console.print(f"rows in {path}")


def _row(seed: int, run_dir: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "nas_kd", "search", "--seed", str(seed)]
    subprocess.run([*command, "--run-dir", str(run_dir)], check=True)
    document = RunDirectory.open(run_dir).read_result()
    if document is None:
        raise SystemExit(f"{run_dir} holds no finished search")
    student, teacher = document["student"], document["teacher"]
    return {
        "seed": seed,
        "teacher": teacher["accuracy"],
        "student": student["accuracy"],
        "student_without_teacher": student["accuracy_without_teacher"],
        "macs_share": round(student["macs"] / teacher["macs"], 4),
        "latency_share": round(
            student["latency_ms"]["median"] / student["teacher_latency_ms"]["median"], 4
        ),
        "budget_met": document["budget_met"],
        "arch": student["description"],
        "seconds": round(sum(document["seconds"].values()), 1),
    }


if __name__ == "__main__":
    main()
