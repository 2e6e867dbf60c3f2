"""Scoring a student: shared passes, seeds, what is missing, the initial weights."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from proxies import PROXIES, Proxy, TeacherProbes, initialise, score_student
from tests.proxies.networks import TinyResNet, digits, features, head, seeded

COSTS = {"macs": 3.0, "params": 2.0}


def _teacher() -> TeacherProbes:
    images, labels = digits()
    model = seeded(lambda: TinyResNet(depth=3)).eval().requires_grad_(False)
    return TeacherProbes(
        model, images, labels, features=["stem", "blocks"], head="classifier", seed=0
    )


def _score(build: Any = TinyResNet, **options: Any) -> dict[str, float]:
    arguments = {"features": features, "head": head, "seed": 0, "costs": COSTS, **options}
    return score_student(build, *digits(), **arguments)


def test_all_proxies_cost_one_pass_for_each_initialisation() -> None:
    passes: list[int] = []

    class Counting(TinyResNet):
        def forward(self, images: Tensor) -> Tensor:
            passes.append(len(images))
            return super().forward(images)

    scores = _score(Counting, proxies=PROXIES.names(), teacher=_teacher())
    assert list(scores) == PROXIES.names()
    assert all(math.isfinite(score) for score in scores.values())
    # SynFlow's single image of ones, the default weights, the gaussian weights.
    assert sorted(passes) == [1, 16, 16]


def test_scores_do_not_depend_on_the_company_nor_on_the_order() -> None:
    names = PROXIES.names()
    together = _score(proxies=names, teacher=_teacher())
    backwards = _score(proxies=names[::-1], teacher=_teacher())
    for name in names:
        alone = _score(proxies=[name], teacher=_teacher())[name]
        assert together[name] == pytest.approx(alone, rel=1e-4), name
        assert together[name] == backwards[name]


def test_another_seed_gives_another_score() -> None:
    names = [name for name in PROXIES.names() if PROXIES.get(name).needs_network]
    one, other = (_score(proxies=names, teacher=_teacher(), seed=seed) for seed in (0, 1))
    assert all(one[name] != other[name] for name in names)


def test_counted_costs_need_no_student() -> None:
    def refuse() -> nn.Module:
        raise AssertionError("the student was built")

    assert _score(refuse, proxies=["macs", "params"]) == COSTS


def test_scores_without_a_value_are_minus_infinity(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (math.nan, math.inf, -math.inf):
        proxy = Proxy("odd", lambda *_, v=value: v, frozenset({"costs"}), "none", "-", "free")
        monkeypatch.setitem(PROXIES._components, "odd", proxy)
        assert _score(proxies=["odd"]) == {"odd": -math.inf}


def test_what_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match="diswot_mr compare"):
        _score(proxies=["naswot", "diswot_mr"])
    with pytest.raises(UsageError, match="Did you mean 'naswot'"):
        _score(proxies=["nasvot"])
    with pytest.raises(UsageError, match="counted params"):
        _score(proxies=["params"], costs=None)
    with pytest.raises(UsageError, match="teacher"):
        PROXIES.get("diswot")(_teacher().probe("none"))
    with pytest.raises(UsageError, match="magic"):
        Proxy("odd", lambda *_: 0.0, frozenset({"magic"}), "none", "-", "free")
    with pytest.raises(UsageError, match="initialisation 'zen'"):
        Proxy("odd", lambda *_: 0.0, frozenset(), "zen", "-", "free")


def test_gaussian_and_kaiming_weights_have_their_spread() -> None:
    model = TinyResNet(width=64)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(3)
    for scheme, spread in (("gaussian", 1.0), ("kaiming", math.sqrt(2 / (64 * 9)))):
        initialise(model, scheme, seed=0)
        weight = model.get_parameter("blocks.0.convolution.weight").detach()
        assert float(weight.mean()) == pytest.approx(0, abs=0.05 * spread)
        assert float(weight.std()) == pytest.approx(spread, rel=0.02)
        assert not model.classifier.bias.any()
        assert (model.get_parameter("stem.1.weight") == 1).all()
        assert not model.get_parameter("stem.1.bias").any()


@pytest.mark.parametrize("scheme", ["default", "kaiming", "gaussian"])
def test_initialising_depends_on_the_seed_alone(scheme: str) -> None:
    before = torch.get_rng_state()
    models = [TinyResNet() for _ in range(3)]
    torch.set_rng_state(before)
    for model, seed in zip(models, (4, 4, 5), strict=True):
        initialise(model, scheme, seed)
    first, again, other = (model.get_parameter("stem.0.weight") for model in models)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_none_keeps_the_weights_and_unknown_schemes_are_refused() -> None:
    model = TinyResNet()
    weight = model.classifier.weight.clone()
    initialise(model, "none", 0)
    assert torch.equal(model.classifier.weight, weight)
    with pytest.raises(UsageError, match="Did you mean 'gaussian'"):
        initialise(model, "gausian", 0)
