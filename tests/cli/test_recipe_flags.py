"""Flags over recipes, names of runs, and recipes printed as TOML."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from nas_kd.cli.recipe_flags import (
    lay_over,
    parse_names,
    resolve_recipe,
    run_name,
    tell_defaults,
)
from nas_kd.errors import UsageError
from nas_kd.report.toml_text import to_toml
from studies.recipe import Recipe
from studies.recipe_files import load_recipe, parse_recipe, shipped_recipes


def test_no_flags_leave_the_recipe_as_it_is() -> None:
    assert resolve_recipe(None, {"seed": None}) == load_recipe("digits")


OWN: tuple[tuple[dict[str, Any], str | None], ...] = (
    ({"data.source": "npz:x"}, None),
    ({"data.source": "npz:x", "teacher.source": "a:b"}, None),
    ({"data.source": None, "search.trials": 5}, "pit"),
)


@pytest.mark.parametrize(("changes", "space"), OWN)
def test_own_data_teacher_or_space_take_no_value_of_the_embedded_job(
    changes: dict[str, Any], space: str | None
) -> None:
    recipe = resolve_recipe(None, changes, space=space)
    assert recipe == lay_over(Recipe(), changes, space=space)
    assert recipe.budget.limits == ()
    assert load_recipe("digits").budget.limits != ()


def test_flags_without_a_job_change_the_embedded_one() -> None:
    recipe = resolve_recipe(None, {"search.trials": 5, "data.source": None})
    assert recipe == load_recipe("digits", {"search.trials": 5})


def test_what_is_taken_by_default_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    changes = {
        "data.source": "npz:x",
        "teacher.source": None,
        "budget.limits": None,
        "search.trials": 7,
        "distill.epochs": None,
        "distill.minutes": 20.0,
    }
    tell_defaults(resolve_recipe(None, changes), None, changes, space=None)
    (line,) = capsys.readouterr().err.splitlines()
    assert "space nasbench201; no budget; 3 finalists, distilled for 2 minutes each" in line
    assert "teacher digits-cnn" in line
    assert "trials" not in line
    tell_defaults(load_recipe("digits"), None, {"budget.limits": None}, space=None)
    tell_defaults(Recipe(), "mine.toml", {"data.source": "npz:x"}, space=None)
    assert capsys.readouterr().err == ""


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("seed = 3\n[search]\ntrials = 10\n")
    recipe = resolve_recipe(str(file), {"search.trials": 20})
    assert (recipe.seed, recipe.search.trials) == (3, 20)


def test_minutes_take_the_place_of_the_recipes_epochs() -> None:
    recipe = resolve_recipe(None, {"distill.minutes": 2.0})
    assert (recipe.distill.minutes, recipe.distill.epochs) == (2.0, None)


def test_another_teacher_does_not_get_the_checkpoint_of_the_recipes_own() -> None:
    base = parse_recipe({"teacher": {"source": "timm:resnet18", "checkpoint": "a.safetensors"}})
    same = lay_over(base, {"teacher.source": "timm:resnet18"})
    other = lay_over(base, {"teacher.source": "timm:resnet34"})
    own = lay_over(base, {"teacher.source": "timm:resnet34", "teacher.checkpoint": "b.safetensors"})
    assert same.teacher.checkpoint == Path("a.safetensors")
    assert other.teacher.checkpoint is None
    assert own.teacher.checkpoint == Path("b.safetensors")


def test_two_lengths_are_refused_over_any_recipe() -> None:
    with pytest.raises(UsageError, match="keep one"):
        lay_over(Recipe(), {"distill.epochs": 5, "distill.minutes": 2.0})


def test_options_of_the_same_space_are_kept_and_of_another_dropped() -> None:
    base = parse_recipe({"space": {"name": "a", "options": {"width": 8, "depth": 2}}})
    same = lay_over(base, {}, space="a", space_options=["width=4"])
    other = lay_over(base, {}, space="b", space_options=["width=4"])
    assert same.space.options == {"width": 4, "depth": 2}
    assert other.space.options == {"width": 4}


@pytest.mark.parametrize(
    ("config", "data", "expected"),
    [
        (None, None, "digits"),
        ("digits", None, "digits"),
        ("recipes/my net.toml", "npz:x.npz", "my net"),
        (None, "folder:/photos/Cats and Dogs", "cats-and-dogs"),
        (None, "torchvision:CIFAR10@/data", "cifar10"),
        (None, "npz:/", "run"),
    ],
)
def test_run_name(config: str | None, data: str | None, expected: str) -> None:
    assert run_name(config, data) == expected


def test_parse_names() -> None:
    assert parse_names("--proxies", " a, b") == ["a", "b"]
    assert parse_names("--proxies", None) is None
    with pytest.raises(UsageError, match="empty name"):
        parse_names("--proxies", "")


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_printed_recipes_can_be_read_again(name: str) -> None:
    recipe = load_recipe(name)
    text = to_toml(recipe.model_dump(mode="json", exclude_none=True))
    assert parse_recipe(tomllib.loads(text)) == recipe


def test_toml_quotes_what_needs_it() -> None:
    settings = {"a": 'x "y" \\ z', "s": {"k e": [1, 2.5, True], "t": {"m.n": 1}}}
    assert tomllib.loads(to_toml(settings)) == settings


def test_frozen_recipes_are_json() -> None:
    assert parse_recipe(json.loads(Recipe().to_json())) == Recipe()
