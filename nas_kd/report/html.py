"""``report.html``: one page that needs nothing else, not even a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nas_kd.report import facts, numbers
from nas_kd.report.architecture_plot import architecture_svg
from nas_kd.report.figures import run_figures
from nas_kd.report.toml_text import to_toml

if TYPE_CHECKING:
    from search_spaces import Drawing

_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    # A button with which plotly.js 4 sends the figure to a server.
    "showSendToCloud": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d"],
}


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
        _section("Architecture of the student", _architecture(drawing)),
        _section("Teacher and student", _comparison(document)),
        _section("Finalists", _finalists(document)),
        *others,
        _section("The front in numbers", _front(document)),
        _section("Latency: how it was measured", _latency(document)),
        _section("Where the time went", _seconds(document)),
        _section("Recipe", f"<pre>{escape(to_toml(recipe))}</pre>"),
    ]
    title = f"nas-kd: student of {teacher}" if teacher else "nas-kd"
    style = (files("nas_kd.report") / "report.css").read_text(encoding="utf-8")
    path.write_text(
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n"
        f"<body><main>{''.join(body)}</main></body></html>\n",
        encoding="utf-8",
    )
    return path


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
        return "<p>This run has not delivered a student yet.</p>"
    latency = facts.latency_of(student).get("median")
    tiles = [
        (numbers.percent(student.get("accuracy"), 1), "accuracy of the student"),
        (numbers.percent(teacher.get("accuracy"), 1), "accuracy of the teacher"),
        (numbers.ratio(student.get("macs"), teacher.get("macs")), "of the teacher's MACs"),
        (numbers.ratio(latency, facts.teacher_latency(document)), "of the teacher's latency"),
    ]
    cells = (f"<div><b>{escape(big)}</b><span>{escape(small)}</span></div>" for big, small in tiles)
    return f'<div class="tiles">{"".join(cells)}</div>'


def _comparison(document: Mapping[str, Any]) -> str:
    split = document.get("accuracy_split", "test")
    head = ["", f"{split} accuracy", "MACs", "parameters", "latency"]
    table = _table(head, facts.comparison_rows(document))
    checks = facts.budget_checks(document)
    verdicts = _table(
        ["budget", "student", "at most", ""],
        ([c.metric, c.value, c.limit, "met" if c.met else "NOT MET"] for c in checks),
    )
    lines = "".join(f"<p>{escape(line)}</p>" for line in facts.teaching_lines(document))
    return table + lines + (verdicts if checks else "")


def _finalists(document: Mapping[str, Any]) -> str:
    rows = [
        [
            numbers.percent(entry.get("validation_accuracy")),
            numbers.count(entry.get("macs")),
            numbers.milliseconds(entry.get("latency_ms")),
            str(entry.get("description", "")),
        ]
        for entry in document.get("finalists") or []
    ]
    if not rows:
        return ""
    return _table(["validation accuracy", "MACs", "latency", "architecture"], rows)


def _architecture(drawing: Drawing | None) -> str:
    if drawing is None:
        return ""
    label = escape(drawing.caption, quote=True)
    return f'<div class="drawing" role="img" aria-label="{label}">{architecture_svg(drawing)}</div>'


def _figures(
    candidates: pd.DataFrame, measured: pd.DataFrame, document: Mapping[str, Any]
) -> list[str]:
    """A section for every figure; the first brings the library that draws them all."""
    return [
        _section(shown.heading, _figure(shown.figure, include_library=number == 0))
        for number, shown in enumerate(run_figures(candidates, measured, document))
    ]


def _front(document: Mapping[str, Any]) -> str:
    rows = facts.front_rows(document)
    if not rows:
        return ""
    head = ["", "score", "MACs", "of teacher", "parameters", "latency", "architecture"]
    line = facts.prediction_line(document)
    return _table(head, rows) + (f"<p>{escape(line)}</p>" if line else "")


def _latency(document: Mapping[str, Any]) -> str:
    record = facts.latency_of(document.get("student") or {})
    return _table(["", ""], ([name, _plain(value)] for name, value in record.items()))


def _seconds(document: Mapping[str, Any]) -> str:
    spent = document.get("seconds") or {}
    return _table(["", ""], ([name, numbers.seconds(value)] for name, value in spent.items()))


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list | tuple):
        return " to ".join(_plain(part) for part in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plain(part)}" for name, part in value.items())
    return str(value)


def _figure(figure: Any, *, include_library: bool) -> str:
    return str(figure.to_html(include_plotlyjs=include_library, full_html=False, config=_CONFIG))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    if not body:
        return ""
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    top = f"<thead><tr>{names}</tr></thead>" if any(head) else ""
    kind = "architectures" if "architecture" in head else "facts"
    return f'<div class="scroll"><table class="{kind}">{top}<tbody>{body}</tbody></table></div>'
