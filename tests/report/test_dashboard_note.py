"""The note on a study."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from nas_kd.report.dashboard.note import FRONT_ROWS, study_note
from studies.recipe import Recipe
from studies.recipe_files import load_recipe, parse_recipe

ATTACK = "a|b ~x~ [l](http://x) <img src=x> `c` \n# h"


def _tables(note: str) -> list[list[str]]:
    """The rows of each table."""
    parts = (part.splitlines() for part in note.split("\n\n"))
    return [lines for lines in parts if lines[0].startswith("|")]


def _columns(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row)) - 1


def test_the_teacher_and_the_recipe_are_told(result: dict[str, Any]) -> None:
    recipe = load_recipe("digits")
    note = study_note(result, recipe)
    comparison, _ = _tables(note.replace("\N{NO-BREAK SPACE}", " "))
    assert comparison[2].split(" | ")[1:] == ["98.61 %", "5.40 M", "77.8 k", "0.412 ms |"]
    assert "### Teacher digits-cnn" in note
    text = note[note.index("```toml") + 7 : note.rindex("```")]
    assert parse_recipe(tomllib.loads(text)) == recipe
    assert "[predictor]" in text
    assert "learning_rate" not in text


def test_the_front_is_cut_and_says_so(result: dict[str, Any]) -> None:
    assert "all 3, best" in study_note({**result, "front": result["front"][:3]}, Recipe())
    many = result["front"] * (1 + FRONT_ROWS)
    note = study_note({**result, "front": many}, Recipe())
    assert f"the first {FRONT_ROWS} of {len(many)}, best score first" in note
    assert len(_tables(note)[1]) == 2 + FRONT_ROWS


def test_names_break_no_table_and_make_no_marks(result: dict[str, Any]) -> None:
    result["teacher"]["name"] = ATTACK
    for entry in result["front"]:
        entry["description"] = ATTACK
    note = study_note(result, parse_recipe({"data": {"source": ATTACK}}))
    comparison, front = _tables(note)
    assert {_columns(row) for row in comparison} == {5}
    assert {_columns(row) for row in front} == {7}
    heading = next(line for line in note.splitlines() if line.startswith("### Teacher"))
    assert not re.search(r"(?<!\\)[~`<\[]", heading)
    assert note.count("\n```") == 2


@pytest.mark.parametrize("missing", ["teacher", "student", "front"])
def test_an_unfinished_run_has_less_to_say(result: dict[str, Any], missing: str) -> None:
    note = study_note({**result, missing: None}, Recipe())
    assert "### Recipe" in note
    assert ("### Front" in note) == (missing != "front")
    assert ("### Teacher" in note) == (missing != "teacher")
    assert ("Budget for" in note) == (missing == "front")
