"""Scoring a student: shared passes, seeds, what is missing, the initial weights."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from proxies import PROXIES, Proxy, TeacherProbes, initialise, score_student
from proxies._batch import noise_like
from proxies._blocks import block_responses
from tests.proxies.networks import TinyResNet, digits, features, head, seeded
from tests.proxies.token_networks import TinyViT
from tests.proxies.token_networks import features as token_features
from tests.proxies.token_networks import head as token_head

COSTS = {"macs": 3.0, "params": 2.0}

FOR_CNNS = [name for name in PROXIES.names() if "attention" not in PROXIES.get(name).needs]


def _teacher() -> TeacherProbes:
    images, labels = digits()
    model = seeded(lambda: TinyResNet(depth=3)).eval().requires_grad_(False)
    return TeacherProbes(
        model, images, labels, features=["stem", "blocks"], head="classifier", seed=0
    )


def _score(build: Any = TinyResNet, **options: Any) -> dict[str, float]:
    arguments = {"features": features, "head": head, "seed": 0, "costs": COSTS, **options}
    return score_student(build, *digits(), **arguments)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(
            ["naswot", "swap", "swap_regularised", "te_nas_regions"], [(16, False)], id="images"
        ),
        pytest.param(["meco", "apd"], [(16, False)], id="noise"),
        pytest.param(["az_expressivity", "az_progressivity"], [(16, False)], id="az_nas"),
        pytest.param(
            ["diswot", "diswot_mr", "diswot_ms", "diswot_class_gram"], [(16, False)], id="diswot"
        ),
        pytest.param(
            ["naswot", "grad_norm", "plain", "snip", "fisher", "jacov", "epe_nas", "grasp"],
            [(16, True)],
            id="gradients of images",
        ),
        pytest.param(
            ["az_expressivity", "az_progressivity", "az_trainability", "intrain"],
            [(16, True)],
            id="gradients of noise",
        ),
        pytest.param(["zico", "l_swag"], [(8, True), (8, True), (16, False)], id="halves"),
        pytest.param(["zen"], [(16, False), (16, False)], id="zen"),
        pytest.param(["gradsign", "te_nas_ntk"], [(1, True), (16, False)], id="image by image"),
        pytest.param(["vkdnw", "vkdnw_single"], [(16, False), (16, True)], id="vkdnw"),
        pytest.param(["synflow"], [(1, True)], id="synflow"),
        pytest.param(["l2_norm", "params", "macs"], [], id="sizes"),
    ],
)
def test_what_can_share_a_pass_does(names: list[str], expected: list[tuple[int, bool]]) -> None:
    passes: list[tuple[int, bool]] = []

    class Counting(TinyResNet):
        def forward(self, images: Tensor) -> Tensor:
            logits = super().forward(images)
            passes.append((len(images), logits.requires_grad))
            return logits

    scores = _score(Counting, proxies=names, teacher=_teacher())
    assert list(scores) == names
    assert all(math.isfinite(score) for score in scores.values())
    assert sorted(passes) == expected


def test_noise_is_seeded_and_not_the_weights() -> None:
    images = digits()[0]  # 1,024 pixels
    noise = noise_like(images, seed=3)
    assert torch.equal(noise, noise_like(images, seed=3))
    assert not torch.equal(noise, noise_like(images, seed=4))
    wide = nn.Linear(noise.numel(), 1)  # both are multiples of 16, so that they are drawn alike
    initialise(wide, "gaussian", seed=3)
    assert _correlation(noise, wide.weight) < 0.15
    assert _correlation(noise, noise_like(images, seed=4)) < 0.15


def test_gradients_of_blocks_are_drawn_apart_from_weights_and_noise() -> None:
    before = torch.zeros(16, 4, 4, 4, requires_grad=True)
    after = before.clone()
    drawn: list[Tensor] = []
    after.register_hook(drawn.append)
    block_responses([before, after], seed=3)
    for seed in (3, 4):
        generator = torch.Generator().manual_seed(seed)
        others = torch.randint(0, 2, after.shape, generator=generator) * 2 - 1
        assert _correlation(drawn[0], others) < 0.15


def _correlation(one: Tensor, other: Tensor) -> float:
    """Magnitude of the correlation between as many numbers."""
    rows = torch.stack([one.detach().flatten(), other.detach().flatten()]).double()
    return abs(float(torch.corrcoef(rows)[0, 1]))


def test_scores_do_not_depend_on_the_company_nor_on_the_order() -> None:
    names = FOR_CNNS
    together = _score(proxies=names, teacher=_teacher())
    backwards = _score(proxies=names[::-1], teacher=_teacher())
    for name in names:
        alone = _score(proxies=[name], teacher=_teacher())[name]
        assert together[name] == pytest.approx(alone, rel=1e-4), name
        assert together[name] == backwards[name]


def test_another_seed_gives_another_score() -> None:
    names = [name for name in FOR_CNNS if PROXIES.get(name).cost != "free"]
    names.remove("te_nas_regions")  # on unlike images it is their number
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
    with pytest.raises(UsageError, match="'music'"):
        Proxy("odd", lambda *_: 0.0, frozenset(), "none", "-", "free", input="music")
    with pytest.raises(UsageError, match="needs images"):
        Proxy("odd", lambda *_: 0.0, frozenset({"teacher"}), "none", "-", "free", input="noise")
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


def test_what_transformers_show_in_evaluation_mode_takes_one_pass() -> None:
    modes: list[bool] = []

    class Counting(TinyViT):
        def forward(self, x: Tensor) -> Tensor:
            modes.append(self.training)
            logits: Tensor = super().forward(x)
            return logits

    names = ["w_pca", "head_confidence", "pca_dim", "softmax_confidence"]
    together = _score(Counting, proxies=names, features=token_features, head=token_head)
    assert modes == [False]
    for name in names:
        alone = _score(Counting, proxies=[name], features=token_features, head=token_head)
        assert alone == {name: together[name]}


def test_forward_only_proxies_take_one_pass_for_each_kind_of_weights_and_input() -> None:
    graphs: list[bool] = []

    class Counting(TinyResNet):
        def forward(self, images: Tensor) -> Tensor:
            logits = super().forward(images)
            graphs.append(logits.requires_grad)
            return logits

    proxies = [PROXIES.get(name) for name in FOR_CNNS]
    forward = [proxy for proxy in proxies if proxy.cost in ("forward", "forward, and a second one")]
    names = [proxy.name for proxy in forward]
    assert len(names) > 15
    scores = _score(Counting, proxies=names, teacher=_teacher())
    assert len(scores) == len(names)
    assert graphs == [False] * 6  # five kinds, and the second forward of zen
