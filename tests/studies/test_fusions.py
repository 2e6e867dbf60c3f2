"""Fusions by name: what presets stand for, and how a recipe names them."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest

from nas_kd.cli.recipe_flags import proxy_changes, resolve_recipe
from nas_kd.errors import UsageError
from proxies import PROXIES
from proxies._rank_fusion import METHODS
from search_spaces import Arch
from studies.candidates import Candidate
from studies.fusions import PRESETS, Fusion
from studies.objectives import Objectives
from studies.recipe_files import load_recipe, parse_recipe


def _search(**settings: Any) -> tuple[list[str], str]:
    search = load_recipe("digits", {f"search.{n}": v for n, v in settings.items()}).search
    return list(search.proxies), search.fusion


def _candidate(number: int, **scores: float) -> Candidate:
    return Candidate(Arch({"gene": number}), 10 * number, number, {}, scores)


def test_presets_name_registered_proxies_and_fusions() -> None:
    assert get_args(Fusion) == ("reference", *METHODS)
    for name, preset in PRESETS.items():
        assert name not in PROXIES.names()
        assert [PROXIES.get(proxy).name for proxy in preset.proxies] == list(preset.proxies)
        assert preset.fusion in METHODS


def test_a_preset_stands_for_its_proxies_and_its_fusion() -> None:
    az_nas = ["az_expressivity", "az_progressivity", "az_trainability", "macs"]
    assert _search() == (["trainable_width"], "reference")
    assert _search(proxies=["az_nas"]) == (az_nas, "log-rank")
    assert _search(proxies=["te_nas"])[1] == "mean-rank"
    assert _search(proxies=["naswot", "az_nas"]) == (["naswot", *az_nas], "log-rank")
    assert _search(proxies=["az_nas"], fusion="reference") == (az_nas, "reference")
    shared = _search(proxies=["az_nas", "vkdnw_agg"])[0]
    assert len(shared) == len(set(shared)) == 6
    recipe = load_recipe("digits", {"search.proxies": ["az_nas"]})
    assert parse_recipe(recipe.model_dump(mode="json")) == recipe


def test_contradictions_and_unknown_fusions_are_explained() -> None:
    with pytest.raises(UsageError, match=r"fused in different ways; name one as search\.fusion"):
        _search(proxies=["az_nas", "te_nas"])
    with pytest.raises(UsageError, match=r"search\.fusion = 'median'"):
        _search(fusion="median")


def test_objectives_by_rank_count_one_value_as_enough_and_each_candidate_once() -> None:
    inf = math.inf
    known = [
        _candidate(1, a=1.0, b=5.0),
        _candidate(2, a=2.0, b=-inf),
        _candidate(3, a=-inf, b=-inf),
    ]
    fixed = Objectives(["score", "macs"], ["a", "b"], known)
    ranks = Objectives(["score", "macs"], ["a", "b"], known[:1], "log-rank")
    assert (fixed.move, ranks.move) == (False, True)
    before = ranks.score(known[0])
    for candidate in [*known, *known]:
        ranks.add(candidate)
    assert ranks.score(known[0]) == pytest.approx(math.log(2 / 3))
    assert ranks.score(known[0]) < before == 0
    assert ranks.score(known[1]) == pytest.approx(math.log(3 / 3) + math.log(1.5 / 3))
    assert [fixed.score(c) for c in known[1:]] == [-inf, -inf]
    assert ranks.score(known[2]) == -inf
    over = Candidate(Arch({"gene": 4}), 40, 4, {"macs": 0.5})
    worst = [ranks.values(c) for c in (known[2], over)]
    assert worst[0][0] == worst[1][0] < min(ranks.score(c) for c in known[:2])
    assert [values[1] for values in worst] == [30, 40]


def test_flags_laid_over_a_recipe_bring_the_fusion_of_a_preset() -> None:
    def laid_over(proxies: str | None, fusion: str | None = None) -> tuple[int, str]:
        search = resolve_recipe("digits", proxy_changes(proxies, fusion)).search
        return len(search.proxies), search.fusion

    assert laid_over(None) == (1, "reference")
    assert laid_over("az_nas") == (4, "log-rank")
    assert laid_over("te_nas") == (2, "mean-rank")
    assert laid_over("az_nas", "reference") == (4, "reference")
    assert laid_over(None, "mean-rank") == (1, "mean-rank")
    assert laid_over("az_nas,te_nas", "log-rank") == (6, "log-rank")
    with pytest.raises(UsageError, match=r"--proxies: az_nas and te_nas .* or with --fusion"):
        laid_over("az_nas,te_nas")
