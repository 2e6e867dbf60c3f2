"""A run as a note on its study, in the Markdown that the dashboard draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nas_kd.report import facts
from nas_kd.report.dashboard.markdown import cell, code, plain, table, toml_block
from nas_kd.report.toml_text import to_toml
from studies.recipe import Recipe

FRONT_ROWS = 20


def study_note(document: Mapping[str, Any], recipe: Recipe) -> str:
    """Counts, teacher and student, budget, the first rows of the front, and the recipe.

    Of a search that ended without a student, also why.
    """
    parts = [f"**{plain(facts.counts_line(document))}**"]
    if reason := document.get("reason"):
        parts.append(plain(str(reason)))
    parts += _comparison(document)
    parts += _front(document)
    parts += ["### Recipe", _recipe(recipe)]
    return "\n\n".join(parts)


def _comparison(document: Mapping[str, Any]) -> Iterator[str]:
    teacher = document.get("teacher") or {}
    if not teacher:
        return
    yield f"### Teacher {plain(str(teacher.get('name', '')))} and its student"
    split = document.get("accuracy_split", "test")
    head = ["", f"{split} accuracy", "MACs", "parameters", "latency"]
    yield table(head, [list(map(cell, row)) for row in facts.comparison_rows(document)])
    for line in facts.teaching_lines(document):
        yield plain(line)
    for check in facts.budget_checks(document):
        verdict = "met" if check.met else "**NOT MET**"
        yield "; ".join(
            [
                f"Budget for {check.metric}: {check.value}, at most {check.limit}: {verdict}",
                *check.remarks,
            ]
        )


def _front(document: Mapping[str, Any]) -> Iterator[str]:
    rows = facts.front_rows(document, FRONT_ROWS)
    if not rows:
        return
    total = len(document["front"])
    extent = f"all {total}" if len(rows) == total else f"the first {len(rows)} of {total}"
    yield f"### Front: {extent}, best score first"
    head = ["", "score", "MACs", "of teacher", "parameters", "latency", "architecture"]
    yield table(head, [[*map(cell, row[:-1]), code(row[-1])] for row in rows])
    if line := facts.prediction_line(document):
        yield plain(line)


def _recipe(recipe: Recipe) -> str:
    """The settings that are not the default ones."""
    settings = recipe.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    text = to_toml({"seed": recipe.seed, **settings})
    return f"Settings that are not the default:\n\n{toml_block(text)}"
