"""Is a student that is called feasible still feasible when it is measured again?

    python -m benchmarks.budget_line [--finalists 20] [--margin 0.05]

The latency limit is the median of 100 measured NAS-Bench-201 students. Of those called feasible, as
a search does it (the upper end of the interval is below the limit by the margin), the ones nearest
to the line are measured again in fresh processes, and hold or break the limit by the upper end of
their new interval. One row a student and a ``summary`` row.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.latency_students import PROFILE, Students
from benchmarks.record import write_rows
from nas_kd.costs import measure_many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--finalists", type=int, default=20)
    parser.add_argument("--margin", type=float, default=0.05)
    parser.add_argument("--max-seconds", type=float, default=1.0)
    options = parser.parse_args()

    students = Students("nasbench201")
    chosen, drawn = students.rows(40, 60)
    rows = [*chosen, *drawn]
    records = students.measure(rows, options.max_seconds)
    limit = float(np.median([record.median_ms for record in records]))
    called = [
        (record.ci95_ms[1], row, record)
        for row, record in zip(rows, records, strict=True)
        if record.ci95_ms[1] <= (1 - options.margin) * limit
    ]
    nearest = sorted(called, key=lambda entry: -entry[0])[: options.finalists]
    again = measure_many([students.export(row) for _, row, _ in nearest], PROFILE)
    table: list[dict[str, Any]] = [
        {
            "kind": "finalist",
            "arch": students.pool[row].key,
            "limit_ms": limit,
            "margin": options.margin,
            "first_ms": first.median_ms,
            "first_upper_ms": upper,
            "second_ms": second.median_ms,
            "second_upper_ms": second.ci95_ms[1],
            "holds": second.ci95_ms[1] <= limit,
            "flags": " ".join(second.flags),
        }
        for (upper, row, first), second in zip(nearest, again, strict=True)
    ]
    held = sum(row["holds"] for row in table)
    table.append({"kind": "summary", "limit_ms": limit, "holds": held, "of": len(nearest)})
    path = write_rows("budget_line", table)
    Console().print(f"{held} of {len(nearest)} called feasible are feasible; rows in {path}")


if __name__ == "__main__":
    main()
