"""All students of a supernet within the budget as a table, the best first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from search_spaces import Arch


def ranking_table(measure: str, students: Iterable[tuple[Arch, float, int, int]]) -> str:
    """CSV with the columns rank, arch, ``measure``, params and macs.

    Args:
        measure: What the students are ranked by.
        students: Arch, value of the measure, parameters and MACs of each, the best first.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", "arch", measure, "params", "macs"])
    for rank, (arch, value, params, macs) in enumerate(students, start=1):
        writer.writerow([rank, arch.to_json(), value, params, macs])
    return text.getvalue()
