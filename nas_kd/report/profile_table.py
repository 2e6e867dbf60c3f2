"""What ``nas-kd profile`` shows in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from nas_kd.report import numbers
from nas_kd.report.latency_words import latency_remarks

_METRICS = {"macs": "MACs", "params": "parameters", "latency_ms": "latency"}


def profile_table(document: Mapping[str, Any]) -> Table:
    """Teacher, smallest, typical and largest student, and the limits that they break."""
    space = document["space"]
    table = Table(title=f"{space['name']} ({space['size']:,} students) on {document['device']}")
    for name in ("", "MACs", "params", "latency", "budget", "architecture"):
        table.add_column(name, overflow="fold")
    teacher = document["teacher"]
    table.add_row(
        f"teacher {teacher['name']}",
        numbers.count(teacher["macs"]),
        numbers.count(teacher["params"]),
        numbers.milliseconds(teacher["latency_ms"]),
        "",
        "",
        style="dim",
    )
    for student in document["students"]:
        table.add_row(
            student["which"],
            numbers.count(student["macs"]),
            numbers.count(student["params"]),
            numbers.milliseconds(student["latency_ms"]["median"]),
            _broken(student["violations"]),
            student["description"],
        )
    limits = document["budget"]
    named = {m: v for m, v in limits.items() if m in _METRICS}
    if named:
        table.add_row(
            "budget",
            numbers.count(named.get("macs")),
            numbers.count(named.get("params")),
            numbers.milliseconds(named.get("latency_ms")),
            "",
            "",
            style="bold",
        )
    return table


def verdict(document: Mapping[str, Any]) -> Text:
    """One sentence: whether the budget can be met, and by how much of the space."""
    share = numbers.percent(document["share_within_counted_limits"], 0)
    sample = (
        f"Of {document['sampled']:,} sampled students {share} are within the limits on MACs and "
        "parameters."
    )
    if not document["budget"]["limits"]:
        return Text("No budget was given. Name one with --budget, for example --budget macs=50%.")
    if document["can_be_met"]:
        return Text(f"The budget can be met. {sample}")
    broken = _broken(document["students"][0]["violations"])
    return Text(
        f"The budget cannot be met: the smallest student is over it ({broken}), and so are the "
        "others. Raise the budget, or choose another space with --space or --space-option.",
        style="bold red",
    )


def doubtful(document: Mapping[str, Any]) -> Text | None:
    """What disturbed the measurements; None where nothing did."""
    remarks: dict[str, str] = {}
    for student in document["students"]:
        remarks |= latency_remarks(student["latency_ms"])
    remarks |= latency_remarks(document["teacher"]["latency"])
    if not remarks:
        return None
    return Text(
        f"The latencies are doubtful ({'; '.join(remarks.values())}): the teacher's alone and "
        "beside the students may differ. Profile again on a quiet machine.",
        style="yellow",
    )


def _broken(violations: Mapping[str, float]) -> str:
    """``within``, or how far which limits are exceeded."""
    over = [f"{_METRICS[m]} {excess:+.0%}" for m, excess in violations.items() if excess > 0]
    if over:
        return ", ".join(over)
    return "within" if violations else ""
