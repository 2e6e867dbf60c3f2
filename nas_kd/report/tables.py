"""Tables for the terminal, shared by ``nas-kd search`` and ``nas-kd show``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nas_kd.report import facts, numbers
from nas_kd.report.keys import key_of

FRONT_ROWS = 12
_ROLE_STYLE = {"student": "bold magenta", "finalist": "yellow", "too slow": "red"}


def result_tables(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Everything that a finished or unfinished run has to say, from the front to the budget."""
    if "evaluated" in document:
        yield Text(facts.counts_line(document))
    if document.get("front"):
        yield front_table(document)
    if line := facts.prediction_line(document):
        yield Text(line)
    if document.get("finalists"):
        yield finalists_table(document)
    if document.get("teacher"):
        yield comparison_table(document)
    yield from _lines(document)


def front_table(document: Mapping[str, Any], limit: int = FRONT_ROWS) -> Table:
    """The best of the front, by score."""
    total = len(document.get("front") or [])
    rows = facts.front_rows(document, limit)
    return _table(
        f"Front: the best {len(rows)} of {total} by score",
        ["", "score", "MACs", "of teacher", "params", "latency", "architecture"],
        rows,
        [_ROLE_STYLE.get(row[0]) for row in rows],
    )


def finalists_table(document: Mapping[str, Any]) -> Table:
    """The finalists: measured, then shortly distilled."""
    role = facts.roles(document)
    entries = document.get("finalists") or []
    chosen = [role.get(key_of(entry["arch"])) == "student" for entry in entries]
    told = zip(chosen, facts.finalist_rows(document), strict=True)
    rows = [["student" if is_student else "", *row] for is_student, row in told]
    return _table(
        "Finalists, measured on the device and shortly distilled",
        ["", "val. accuracy", "MACs", "latency", "architecture"],
        rows,
        [_ROLE_STYLE["student"] if is_student else None for is_student in chosen],
    )


def comparison_table(document: Mapping[str, Any]) -> Table:
    """The teacher beside the student."""
    rows = facts.comparison_rows(document)
    return _table(
        f"Teacher {(document.get('teacher') or {}).get('name', '')} and its student",
        ["", f"{document.get('accuracy_split', 'test')} accuracy", "MACs", "params", "latency"],
        rows,
        ["bold" if row[0].startswith("student") else None for row in rows],
    )


def _lines(document: Mapping[str, Any]) -> Iterator[Text]:
    yield from map(Text, facts.teaching_lines(document))
    for check in facts.budget_checks(document):
        verdict = ("met", "green") if check.met else ("NOT MET", "bold red")
        yield Text.assemble(
            f"Budget for {check.metric}: {check.value}, at most {check.limit}: ", verdict
        )
        yield from (Text(f"  {remark}", "yellow") for remark in check.remarks)


def _table(
    title: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    styles: Sequence[str | None],
) -> Table:
    """A table without its empty columns; numbers keep their width, the architecture gives way."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    shown = [
        index
        for index in range(len(head))
        if any(row[index] not in ("", numbers.MISSING) for row in rows)
    ]
    for index in shown:
        gives_way = head[index] == "architecture"
        width = max(len(head[index]), *(len(row[index]) for row in rows))
        table.add_column(
            head[index],
            justify="left" if index == 0 or gives_way else "right",
            # Only what may wrap is made narrower; a word too long for its column is cut.
            no_wrap=not gives_way,
            overflow="ellipsis",
            min_width=12 if gives_way else width,
        )
    for row, style in zip(rows, styles, strict=True):
        # `Text` keeps square brackets in names from being read as markup.
        table.add_row(*(Text(row[index]) for index in shown), style=style)
    return table
