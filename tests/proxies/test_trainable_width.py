"""Trainable width against its definition written out."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from proxies import PROXIES, Probe
from proxies._layer_slopes import participation_ratio
from tests.proxies.networks import TinyResNet, digits, features, head, seeded

PROXY = PROXIES.get("trainable_width")
LAYERS = nn.Conv2d | nn.Linear


def _probe(model: nn.Module, images: int = 8, needs: frozenset[str] = PROXY.needs) -> Probe:
    return Probe(model, *digits(images), features=features(model), head=head(model), needs=needs)


def _model(*, in_place: bool = False) -> TinyResNet:
    model = seeded(lambda: TinyResNet(width=4, depth=2, in_place=in_place))
    model.drop = nn.Identity()
    return model


def _by_definition(model: nn.Module, images: Tensor) -> float:
    """With eigenvalues of explicit matrices, in float64."""
    model = copy.deepcopy(model).double().train()
    outputs: dict[str, Tensor] = {}
    layers = {name: part for name, part in model.named_modules() if isinstance(part, LAYERS)}

    def keep(name: str) -> object:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
            output.retain_grad()
            outputs[name] = output
            return output.clone()

        return hook

    for name, layer in layers.items():
        layer.register_forward_hook(keep(name))  # type: ignore[arg-type]
    model(images.double()).sum().backward()
    widths, logs = [], []
    for name, layer in layers.items():
        slope = outputs[name].grad
        assert slope is not None
        assert layer.weight.grad is not None
        maps = slope.flatten(2) if slope.ndim > 2 else slope[:, :, None]
        channels = _ratio(torch.einsum("bcp,bdp->cd", maps, maps))
        shown = _ratio(torch.einsum("bcp,dcp->bd", maps, maps))
        widths.append(math.sqrt(layer.weight.numel() * channels * shown))
        saliency = float((layer.weight.detach() * layer.weight.grad).abs().sum()) / len(images)
        logs.append(math.log(saliency))
    return math.log(sum(widths)) - 0.08 * sum(logs) / len(logs)


def _ratio(matrix: Tensor) -> float:
    eigenvalues = torch.linalg.eigvalsh(matrix.detach())
    return float(eigenvalues.sum() ** 2 / eigenvalues.square().sum())


@pytest.mark.parametrize("in_place", [False, True])
def test_it_is_what_its_docstring_says(in_place: bool) -> None:
    model = _model(in_place=in_place)
    expected = _by_definition(_model(), digits(8)[0])
    assert PROXY(_probe(model)) == pytest.approx(expected, rel=1e-5)


def test_one_backward_pass_serves_it_and_jacov() -> None:
    jacov = PROXIES.get("jacov")
    both = _probe(_model(), needs=PROXY.needs | jacov.needs)
    alone = _probe(_model(), needs=jacov.needs)
    assert jacov(both) == jacov(alone)
    assert PROXY(both) == pytest.approx(PROXY(_probe(_model())), rel=1e-9)


def test_gradients_of_the_loss_are_no_part_of_it() -> None:
    everything = _probe(_model(), needs=PROXY.needs | {"weight_gradients", "block_responses"})
    assert PROXY(everything) == pytest.approx(PROXY(_probe(_model())), rel=1e-9)


def test_a_layer_that_only_sees_zeros_is_left_out() -> None:
    class BesideZeros(nn.Module):
        """A convolution of zeros adds nothing but its bias."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = _model()
            self.idle = nn.Conv2d(1, 10, 3)

        def forward(self, images: Tensor) -> Tensor:
            logits: Tensor = self.inner(images)
            return logits + self.idle(torch.zeros_like(images)).mean((2, 3))

    found = _probe_of(BesideZeros()).layer_slopes
    assert len(found) == len(_probe(_model()).layer_slopes)


def _probe_of(model: nn.Module) -> Probe:
    return Probe(model, *digits(8), features=[], head="inner.classifier", needs=PROXY.needs)


matrices = arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=st.floats(-9, 9)
)


@settings(deadline=None, max_examples=60)
@given(matrices.filter(lambda m: np.abs(m).max() > 1e-3))
def test_participation_ratio_is_that_of_the_eigenvalues(matrix: np.ndarray) -> None:
    squares = np.linalg.svd(matrix, compute_uv=False) ** 2
    found = participation_ratio(torch.from_numpy(matrix))
    assert found == pytest.approx(squares.sum() ** 2 / (squares**2).sum(), rel=1e-6)
    assert 1 - 1e-9 <= found <= min(matrix.shape) + 1e-6
