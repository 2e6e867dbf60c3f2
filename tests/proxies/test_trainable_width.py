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
from proxies._independence import independent_rows, log_independence
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
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    layers = {name: part for name, part in model.named_modules() if isinstance(part, LAYERS)}

    def keep(name: str) -> object:
        def hook(module: nn.Module, seen: tuple[Tensor], output: Tensor) -> Tensor:
            output.retain_grad()
            inputs[name], outputs[name] = seen[0].detach(), output
            return output.clone()

        return hook

    for name, layer in layers.items():
        layer.register_forward_hook(keep(name))  # type: ignore[arg-type]
    pixels = images.double().requires_grad_()
    model(pixels).sum().backward()
    widths, logs = [], []
    for name, layer in layers.items():
        slope = outputs[name].grad
        assert slope is not None
        assert layer.weight.grad is not None
        maps = slope.flatten(2) if slope.ndim > 2 else slope[:, :, None]
        channels = _ratio(maps.transpose(0, 1).flatten(1))
        apart = _ratio(maps.flatten(1))
        independence = _independence(inputs[name].transpose(0, 1).flatten(1))
        moves = channels * math.sqrt(apart)
        widths.append(math.sqrt(layer.weight.numel() * independence * moves))
        saliency = float((layer.weight.detach() * layer.weight.grad).abs().sum()) / len(images)
        logs.append(math.log(saliency))
    assert pixels.grad is not None
    images_apart = math.log(_independence(pixels.grad.flatten(1)))
    return math.log(sum(widths)) + images_apart / 2 - sum(logs) / len(logs) / 10


def _eigenvalues(rows: Tensor) -> np.ndarray:
    """Of the correlations of the rows; constant rows have none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = np.nan_to_num(np.atleast_2d(np.corrcoef(rows.numpy())))
    found: np.ndarray = np.linalg.eigvalsh(correlations).clip(0)
    return found


def _independence(rows: Tensor) -> float:
    return float(np.exp(np.log(_eigenvalues(rows) + 1e-3).mean()))


def _ratio(rows: Tensor) -> float:
    eigenvalues = _eigenvalues(rows)
    return float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum()) if eigenvalues.any() else 1.0


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


def test_wide_inputs_are_seen_at_evenly_spaced_channels() -> None:
    """Every second one of 128: of twins next to each other one is seen, of four equal ones two."""

    class Wide(nn.Module):
        def __init__(self, copies: list[int]) -> None:
            super().__init__()
            self.lift = nn.Conv2d(1, 64, 3)
            self.copies = copies
            self.classifier = nn.Linear(128, 10)

        def forward(self, images: Tensor) -> Tensor:
            maps = self.lift(images)[:, self.copies].relu().flatten(2)
            logits: Tensor = self.classifier(maps.transpose(1, 2)).mean(1)
            return logits

    def independence(copies: list[int]) -> float:
        model = seeded(lambda: Wide(copies))
        probe = Probe(model, *digits(8), features=[], head="classifier", needs=PROXY.needs)
        return next(s.input_independence for s in probe.layer_slopes if s.weights == 1280)

    twins = [channel // 2 for channel in range(128)]
    fours = [channel // 4 for channel in range(128)]
    assert independence(fours) < independence(twins) - 1


rows = arrays(
    np.float64, st.tuples(st.integers(2, 6), st.integers(3, 9)), elements=st.integers(-9, 9)
)


@settings(deadline=None, max_examples=60)
@given(rows)
def test_independence_and_ratio_are_those_of_the_eigenvalues(matrix: np.ndarray) -> None:
    values = torch.from_numpy(matrix)
    assert math.exp(log_independence(values)) == pytest.approx(_independence(values), rel=1e-6)
    assert independent_rows(values) == pytest.approx(_ratio(values), rel=1e-6)
    assert 1 - 1e-9 <= independent_rows(values) <= len(values) + 1e-6


def test_independence_of_rows_that_repeat_and_that_do_not() -> None:
    repeated = torch.arange(5.0).expand(4, 5)
    assert log_independence(repeated) == pytest.approx((math.log(4.001) + 3 * math.log(1e-3)) / 4)
    apart = torch.tensor([[1.0, -1, 0, 0], [0, 0, 1, -1]])
    assert log_independence(apart) == pytest.approx(math.log(1.001), abs=1e-6)
    constant = torch.tensor([[1.0, -1, 0, 0], [0.1, 0.1, 0.1, 0.1]])
    assert log_independence(constant) == pytest.approx((math.log(1.001) + math.log(1e-3)) / 2)
    assert math.isnan(log_independence(torch.tensor([[1.0, math.nan], [0, 1]])))
    assert [independent_rows(some) for some in (repeated, apart, constant)] == pytest.approx(
        [1, 2, 1]
    )
    assert independent_rows(torch.ones(3, 4)) == 1


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_independence_is_the_same_at_any_magnitude(scale: float) -> None:
    rows = torch.randn(5, 40, generator=torch.Generator().manual_seed(0)).cumsum(0)
    for found in (log_independence, independent_rows):
        assert found(rows * scale) == pytest.approx(found(rows), rel=1e-5)
        mixed = rows * torch.tensor([1.0, scale, 1, scale, 1])[:, None]
        assert found(mixed) == pytest.approx(found(rows), rel=1e-5)
