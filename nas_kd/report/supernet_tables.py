"""What ``nas-kd search --supernet`` shows in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table

from nas_kd.report import numbers

_JUDGED = ("shared_loss", "loss", "shared_accuracy", "accuracy")
_COUNTED = {"macs": "MACs", "params": "parameters"}


def supernet_tables(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The budget, how many students were ranked, the delivered ones, and where everything is."""
    directory = Path(document["run_dir"])
    if (budget := document.get("budget")) and budget["limits"]:
        yield f"Budget: {', '.join(_limits(budget))}"
    yield (
        f"{document['feasible']} of {document['size']} students within the counted budget, "
        f"{document['judged']} ranked: {directory / 'ranking.csv'}"
    )
    yield _students(document["students"])
    yield f"Students: {directory / 'students'}"


def _limits(budget: Mapping[str, Any]) -> Iterator[str]:
    """Each limit as it was asked for; a share with what it is of, and in numbers where counted."""
    for text in budget["limits"]:
        metric = text.partition("=")[0].strip().lower()
        words = [f"of {budget['of']}"]
        if metric in budget:
            words = [f"{numbers.count(budget[metric])} {_COUNTED[metric]}", *words]
        yield f"{text} ({', '.join(words)})" if "%" in text else text


def _shown(name: str, value: float | None) -> str:
    return numbers.percent(value) if name.endswith("accuracy") else numbers.score(value)


def _students(students: list[dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    judged = [name for name in _JUDGED if any(name in student for student in students)]
    timed = any(student.get("latency_ms") for student in students)
    names = ["rank", "student", "params", "MACs", *(name.replace("_", " ") for name in judged)]
    for column in [*names, *(["latency"] if timed else [])]:
        table.add_column(column, justify="left" if column == "student" else "right")
    for rank, student in enumerate(students, start=1):
        table.add_row(
            str(rank),
            student["description"],
            numbers.count(student["params"]),
            numbers.count(student["macs"]),
            *(_shown(name, student.get(name)) for name in judged),
            *([numbers.milliseconds(student["latency_ms"]["median"])] if timed else []),
        )
    return table
