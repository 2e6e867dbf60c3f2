"""A run as a note on its study, in the Markdown that the dashboard draws."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nas_kd.report import facts
from nas_kd.report.toml_text import to_toml
from studies.recipe import Recipe

FRONT_ROWS = 20
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~$!])")


def study_note(document: Mapping[str, Any], recipe: Recipe) -> str:
    """Counts, teacher and student, budget, the first rows of the front, and the recipe."""
    parts = [f"**{_plain(facts.counts_line(document))}**"]
    parts += _comparison(document)
    parts += _front(document)
    parts += ["### Recipe", _recipe(recipe)]
    return "\n\n".join(parts)


def _comparison(document: Mapping[str, Any]) -> Iterator[str]:
    teacher = document.get("teacher") or {}
    if not teacher:
        return
    yield f"### Teacher {_plain(str(teacher.get('name', '')))} and its student"
    split = document.get("accuracy_split", "test")
    head = ["", f"{split} accuracy", "MACs", "parameters", "latency"]
    yield _table(head, [list(map(_cell, row)) for row in facts.comparison_rows(document)])
    for line in facts.teaching_lines(document):
        yield _plain(line)
    for check in facts.budget_checks(document):
        verdict = "met" if check.met else "**NOT MET**"
        yield f"Budget for {check.metric}: {check.value}, at most {check.limit}: {verdict}"


def _front(document: Mapping[str, Any]) -> Iterator[str]:
    rows = facts.front_rows(document, FRONT_ROWS)
    if not rows:
        return
    total = len(document["front"])
    extent = f"all {total}" if len(rows) == total else f"the first {len(rows)} of {total}"
    yield f"### Front: {extent}, best score first"
    head = ["", "score", "MACs", "of teacher", "parameters", "latency", "architecture"]
    yield _table(head, [[*map(_cell, row[:-1]), _code(row[-1])] for row in rows])
    if line := facts.prediction_line(document):
        yield _plain(line)


def _recipe(recipe: Recipe) -> str:
    """The settings that are not the default ones."""
    settings = recipe.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    text = to_toml({"seed": recipe.seed, **settings}).rstrip()
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"Settings that are not the default:\n\n{fence}toml\n{text}\n{fence}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns stand on the right, but for the first and for architectures."""
    marks = ["---" if name in ("", "architecture") else "---:" for name in head]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, marks, *rows])


def _plain(text: str) -> str:
    """Text without marks, also where a name is full of them."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _cell(text: str) -> str:
    """Text that stays on one line, so that no unit leaves its number."""
    return _plain(text).replace(" ", "\N{NO-BREAK SPACE}")


def _code(text: str) -> str:
    """Text as code in a table's cell, in which only a bar ends it."""
    inside = " ".join(text.split()).replace("`", "").replace("|", r"\|")
    return f"`{inside}`"
