from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_kd.errors import UsageError
from studies.recipe import Recipe, SpaceSection
from studies.recipe_files import load_recipe, parse_recipe, shipped_recipes


def test_a_file_has_the_defaults_of_a_recipe_made_in_python(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.touch()
    assert load_recipe(path) == Recipe()
    assert Recipe().budget.limits == ()
    assert Recipe().distill.epochs == 30


@pytest.mark.parametrize(
    ("finalists", "distill", "expected"),
    [
        ({}, {}, (3, None)),
        ({}, {"epochs": 4}, (1, None)),
        ({}, {"minutes": 20}, (None, 2.0)),
        ({"epochs": 7}, {"minutes": 20}, (7, None)),
        ({"minutes": 1.5}, {"epochs": 100}, (None, 1.5)),
    ],
)
def test_finalists_are_distilled_for_a_tenth_unless_told(
    finalists: dict, distill: dict, expected: tuple
) -> None:
    recipe = parse_recipe({"finalists": finalists, "distill": distill})
    assert recipe.short_distillation == expected


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_is_valid(name: str) -> None:
    assert isinstance(load_recipe(name), Recipe)


def test_without_trials_only_an_exhaustive_search_counts_none() -> None:
    assert load_recipe("digits").search.trials == Recipe().search.trials == 300
    assert parse_recipe({"search": {"sampler": "exhaustive"}}).search.trials is None
    assert parse_recipe({"search": {"sampler": "exhaustive", "trials": 9}}).search.trials == 9


def test_the_default_proxies_depend_on_the_space() -> None:
    assert Recipe().search.proxies == load_recipe("digits").search.proxies == ("trainable_width",)
    others = ("apd", "az_expressivity", "naswot")
    assert load_recipe("digits", {"space.name": "darts"}).search.proxies == others
    assert Recipe(space=SpaceSection(name="darts")).search.proxies == others
    macro = ("naswot", "az_expressivity")
    assert Recipe(space=SpaceSection(name="nasbench-macro")).search.proxies == macro
    assert Recipe(space=SpaceSection(), seed=1).search.proxies == ("trainable_width",)
    told = {"space": {"name": "darts"}, "search": {"proxies": ["naswot"]}}
    assert parse_recipe(told).search.proxies == ("naswot",)


def test_overrides_win_and_none_is_ignored() -> None:
    recipe = load_recipe("digits", {"search.trials": 7, "search.sampler": None, "seed": 3})
    assert (recipe.search.trials, recipe.search.sampler, recipe.seed) == (7, "nsga2", 3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"serach": {}}, ["serach", "search"]),
        ({"search": {"trails": 3}}, ["search.trails", "search.trials"]),
        ({"search": {"trials": 0}}, ["search.trials", "0"]),
        (
            {"finalists": {"count": 5, "measured_at_most": 4}},
            ["count is 5", "most = 4"],
        ),
        ({"search": {"trials": "many"}}, ["search.trials", "many"]),
        ({"search": {"proxies": ["naswot", "naswot"]}}, ["search.proxies", "twice"]),
        ({"distill": {"epochs": 1, "minutes": 2}}, ["distill", "epochs", "minutes"]),
        ({"budget": {"device": "abacus"}}, ["budget.device", "abacus"]),
        ({"space": {"options": {"channels": 1.5}}}, ["space.options", "1.5"]),
        ({"distill": {"learning_rate": float("nan")}}, ["distill.learning_rate"]),
    ],
)
def test_a_wrong_setting_is_named(settings: dict, words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        parse_recipe(settings)
    assert all(word in str(error.value) for word in words)


def test_a_file_that_is_not_toml(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("seed = = 1")
    with pytest.raises(UsageError, match="not valid TOML"):
        load_recipe(path)


def test_an_unknown_shipped_recipe_suggests_one() -> None:
    with pytest.raises(UsageError, match="digits"):
        load_recipe("digit")


def test_a_seed_fits_what_draws_with_it() -> None:
    assert parse_recipe({"seed": 2**32 - 1}).seed == 2**32 - 1
    with pytest.raises(UsageError, match=f"seed = {2**32}: Input should be less than {2**32}"):
        parse_recipe({"seed": 2**32})


@given(seed=st.integers(0, 2**31), trials=st.integers(1, 10**6))
def test_the_frozen_form_reads_back_equal(seed: int, trials: int) -> None:
    import json

    recipe = load_recipe("digits", {"seed": seed, "search.trials": trials})
    assert parse_recipe(json.loads(recipe.to_json())) == recipe
    assert recipe.changes(recipe) == []


def test_changes_are_named() -> None:
    before, after = load_recipe("digits"), load_recipe("digits", {"search.trials": 9, "seed": 4})
    assert before.changes(after) == ["search.trials", "seed"]
