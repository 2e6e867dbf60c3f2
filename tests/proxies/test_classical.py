"""NASWOT, SynFlow, SNIP, grad_norm and jacov against their published formulas, written out."""

from __future__ import annotations

import copy
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.errors import UsageError
from proxies import PROXIES, Probe
from tests.proxies.networks import (
    DeadNet,
    FunctionalNet,
    TinyResNet,
    digits,
    features,
    head,
    seeded,
)


def _model(depth: int = 2) -> TinyResNet:
    model = seeded(lambda: TinyResNet(depth=depth))
    model.drop = nn.Identity()
    return model


def _probe(model: nn.Module, size: int = 16) -> Probe:
    return Probe(model, *digits(size), features=features(model), head=head(model))


def _loss_gradients(model: nn.Module) -> list[tuple[Tensor, Tensor]]:
    images, labels = digits()
    F.cross_entropy(model.train()(images), labels).backward()
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    return [(layer.weight.detach(), layer.weight.grad) for layer in layers]  # type: ignore[misc]


def test_naswot_counts_equal_bits_over_all_relus() -> None:
    model = _model(depth=3)
    patterns: list[np.ndarray] = []
    copied = copy.deepcopy(model).train()
    for module in copied.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(
                lambda _, inputs: patterns.append((inputs[0] > 0).flatten(1).numpy())
            )
    with torch.no_grad():
        copied(digits()[0])
    assert len(patterns) == 3
    bits = np.concatenate(patterns, axis=1)
    kernel = np.array([[(one == other).sum() for other in bits] for one in bits], float)
    assert np.array_equal(_probe(model).activation_kernel.numpy(), kernel)
    expected = np.linalg.slogdet(kernel)[1]
    assert PROXIES.get("naswot")(_probe(model)) == pytest.approx(expected, rel=1e-9)


def test_a_relu_module_used_twice_counts_twice() -> None:
    class Reused(TinyResNet):
        def forward(self, images: Tensor) -> Tensor:
            x = self.blocks(self.blocks(self.stem(images)))
            logits: Tensor = self.classifier(x.mean((2, 3)))
            return logits

    units = 8 * 8 * 8
    assert float(_probe(seeded(Reused)).activation_kernel[0, 0]) == 4 * units


def test_in_place_relus_score_as_others_do() -> None:
    plain, in_place = (seeded(partial(TinyResNet, in_place=p)).eval() for p in (False, True))
    for name in ("naswot", "snip", "jacov", "synflow"):
        assert PROXIES.get(name)(_probe(plain)) == PROXIES.get(name)(_probe(in_place))


def test_naswot_says_that_it_cannot_see_functional_relus() -> None:
    model = FunctionalNet()
    probe = Probe(model, *digits(), features=["convolution"], head="classifier")
    with pytest.raises(UsageError, match="functional"):
        PROXIES.get("naswot")(probe)


def test_snip_and_grad_norm_equal_their_sums() -> None:
    probe = _probe(_model())
    pairs = _loss_gradients(_model())
    snip = sum(float((weight * gradient).abs().sum()) for weight, gradient in pairs)
    norm = sum(float(gradient.norm(2)) for _, gradient in pairs)
    assert PROXIES.get("snip")(probe) == pytest.approx(snip, rel=1e-5)
    assert PROXIES.get("grad_norm")(probe) == pytest.approx(norm, rel=1e-5)


def test_jacov_equals_the_published_expression() -> None:
    model = _model()
    images = digits()[0].requires_grad_()
    logits = copy.deepcopy(model).train()(images)
    logits.backward(torch.ones_like(logits))
    assert images.grad is not None
    rows = images.grad.flatten(1).double().numpy()
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(rows)) + 1e-5
    expected = -np.sum(np.log(eigenvalues) + 1 / eigenvalues)
    assert PROXIES.get("jacov")(_probe(model)) == pytest.approx(expected, rel=1e-4)


def test_jacov_of_a_dead_network_has_no_value() -> None:
    assert math.isnan(PROXIES.get("jacov")(_probe(seeded(DeadNet))))


def _defined_synflow(model: TinyResNet) -> float:
    """The same network written out without batch norm, all weights absolute, in float64."""
    state = {name: p.detach().double().abs().requires_grad_() for name, p in _conv_linear(model)}
    x = F.conv2d(torch.ones(1, 1, 8, 8).double(), state["stem.0.weight"], padding=1).relu()
    for index in range(len(model.blocks)):
        x = (F.conv2d(x, state[f"blocks.{index}.convolution.weight"], padding=1) + x).relu()
    bias = model.classifier.bias.detach().double().abs()
    F.linear(x.mean((2, 3)), state["classifier.weight"], bias).sum().backward()
    flows = [(p * p.grad).abs().sum() for p in state.values() if p.grad is not None]
    return math.log(float(torch.stack(flows).sum().detach()))


def _conv_linear(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [
        (f"{name}.weight", module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]


@pytest.mark.parametrize("depth", [1, 4])
def test_synflow_equals_the_network_without_batch_norm(depth: int) -> None:
    model = _model(depth=depth)
    expected = _defined_synflow(model)
    assert PROXIES.get("synflow")(_probe(model)) == pytest.approx(expected, rel=1e-10)


def test_synflow_ignores_batch_norm_and_signs_and_survives_depth() -> None:
    model = _model()
    score = PROXIES.get("synflow")(_probe(model))
    with torch.no_grad():
        model.get_parameter("stem.1.weight").fill_(7)
        model.get_buffer("stem.1.running_var").fill_(9)
        model.get_parameter("blocks.0.convolution.weight").neg_()
    assert PROXIES.get("synflow")(_probe(model)) == score
    deep = _model(depth=100)
    with torch.no_grad():
        for name, weight in _conv_linear(deep):
            weight.mul_(3 if "blocks" in name else 1)
    value = PROXIES.get("synflow")(_probe(deep, 2))
    assert math.log(torch.finfo(torch.float32).max) < value < math.inf


def test_synflow_of_a_pre_activation_network_with_in_place_relus() -> None:
    class PreActivation(nn.Module):
        def __init__(self, in_place: bool) -> None:
            super().__init__()
            self.stem = nn.Conv2d(1, 8, 3)
            self.main = nn.Sequential(
                nn.BatchNorm2d(8), nn.ReLU(inplace=in_place), nn.Conv2d(8, 8, 3, padding=1)
            )
            self.shortcut = nn.Conv2d(8, 8, 1)
            self.classifier = nn.Linear(8, 10)

        def forward(self, images: Tensor) -> Tensor:
            x = self.stem(images)
            logits: Tensor = self.classifier((self.shortcut(x) + self.main(x)).mean((2, 3)))
            return logits

    scores = [
        PROXIES.get("synflow")(
            Probe(
                seeded(partial(PreActivation, p)), *digits(), features=["main"], head="classifier"
            )
        )
        for p in (False, True)
    ]
    assert scores[0] == scores[1]


def test_sizes_are_read_from_the_costs() -> None:
    model = _model()
    probe = Probe(
        model, *digits(), features=["blocks"], head="classifier", costs={"macs": 7.0, "params": 5.0}
    )
    assert PROXIES.get("macs")(probe) == 7.0
    assert PROXIES.get("params")(probe) == 5.0
    with pytest.raises(UsageError, match="counted macs"):
        PROXIES.get("macs")(_probe(model))
