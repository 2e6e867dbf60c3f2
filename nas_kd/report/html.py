"""``report.html``: one page that needs nothing else, not even a network."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nas_kd.report import facts, numbers, page
from nas_kd.report.figures import run_figures
from nas_kd.report.toml_text import to_toml

if TYPE_CHECKING:
    from search_spaces import Drawing


def write_html(
    path: Path,
    *,
    document: Mapping[str, Any],
    candidates: pd.DataFrame,
    measured: pd.DataFrame,
    drawing: Drawing | None,
    recipe: Mapping[str, Any],
) -> Path:
    """Writes the page of a run: figures with numbers under the pointer, tables, evidence, recipe.

    All text that comes from the run is escaped: names of teachers and folders are not trusted.

    Args:
        path: Where the page goes.
        document: The run's document, finished or partial.
        candidates: The run's candidates, one row a trial (`RunDirectory.read_candidates`).
        measured: See `nas_kd.report.measurements.read_measurements`.
        drawing: The student's architecture; None before there is a student.
        recipe: The frozen recipe, ready for TOML.
    """
    teacher = (document.get("teacher") or {}).get("name", "")
    front, *others = _figures(candidates, measured, document) or [""]
    body = [
        _header(document),
        _tiles(document),
        front,
        page.section("Architecture of the student", page.drawn(drawing) if drawing else ""),
        page.section("Teacher and student", _comparison(document)),
        page.section("Finalists", _finalists(document)),
        *others,
        page.section("The front in numbers", _front(document)),
        page.section("Latency: how it was measured", _latency(document)),
        page.section("Where the time went", _seconds(document)),
        page.section("Recipe", f"<pre>{escape(to_toml(recipe))}</pre>"),
    ]
    title = f"nas-kd: student of {teacher}" if teacher else "nas-kd"
    return page.write_page(path, title, body)


def _header(document: Mapping[str, Any]) -> str:
    teacher, space = document.get("teacher") or {}, document.get("space") or {}
    limits = ", ".join((document.get("budget") or {}).get("limits") or []) or "none"
    return (
        f"<header><h1>A student for {escape(str(teacher.get('name', 'the teacher')))}</h1>"
        f"<p>Space {escape(str(space.get('name', '')))}, budget {escape(limits)}, "
        f"seed {escape(str(document.get('seed', '')))}. {escape(facts.counts_line(document))}</p>"
        "</header>"
    )


def _tiles(document: Mapping[str, Any]) -> str:
    student, teacher = document.get("student") or {}, document.get("teacher") or {}
    if not student:
        reason = document.get("reason") or "This run has not delivered a student yet."
        return f"<p>{escape(str(reason))}</p>"
    latency = facts.latency_of(student).get("median")
    tiles = [
        (numbers.percent(student.get("accuracy"), 1), "accuracy of the student"),
        (numbers.percent(teacher.get("accuracy"), 1), "accuracy of the teacher"),
        (numbers.ratio(student.get("macs"), teacher.get("macs")), "of the teacher's MACs"),
        (numbers.ratio(latency, facts.teacher_latency(document)), "of the teacher's latency"),
    ]
    return page.tiles(tiles)


def _comparison(document: Mapping[str, Any]) -> str:
    split = document.get("accuracy_split", "test")
    head = ["", f"{split} accuracy", "MACs", "parameters", "latency"]
    table = page.table(head, facts.comparison_rows(document))
    checks = facts.budget_checks(document)
    verdicts = page.table(
        ["budget", "student", "at most", ""],
        (
            [c.metric, c.value, c.limit, "; ".join(["met" if c.met else "NOT MET", *c.remarks])]
            for c in checks
        ),
    )
    lines = "".join(f"<p>{escape(line)}</p>" for line in facts.teaching_lines(document))
    return table + lines + (verdicts if checks else "")


def _finalists(document: Mapping[str, Any]) -> str:
    head = ["validation accuracy", "MACs", "latency", "architecture"]
    return page.table(head, facts.finalist_rows(document))


def _figures(
    candidates: pd.DataFrame, measured: pd.DataFrame, document: Mapping[str, Any]
) -> list[str]:
    """A section for every figure; the first brings the library that draws them all."""
    return [
        page.section(shown.heading, page.figure(shown.figure, include_library=number == 0))
        for number, shown in enumerate(run_figures(candidates, measured, document))
    ]


def _front(document: Mapping[str, Any]) -> str:
    rows = facts.front_rows(document)
    if not rows:
        return ""
    head = ["", "score", "MACs", "of teacher", "parameters", "latency", "architecture"]
    line = facts.prediction_line(document)
    return page.table(head, rows) + (f"<p>{escape(line)}</p>" if line else "")


def _latency(document: Mapping[str, Any]) -> str:
    record = facts.latency_of(document.get("student") or {})
    return page.table(["", ""], ([name, _plain(value)] for name, value in record.items()))


def _seconds(document: Mapping[str, Any]) -> str:
    spent = document.get("seconds") or {}
    return page.table(["", ""], ([name, numbers.seconds(value)] for name, value in spent.items()))


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list | tuple):
        return " to ".join(_plain(part) for part in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plain(part)}" for name, part in value.items())
    return str(value)
