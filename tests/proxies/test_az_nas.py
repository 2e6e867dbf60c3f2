"""AZ-NAS's terms and InTrain against their definitions written out."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from proxies import PROXIES
from proxies._randomness import apart
from tests.proxies.cells import CellNet, exact_probe, noise
from tests.proxies.networks import digits, seeded


def _model(*cells: str) -> CellNet:
    return seeded(lambda: CellNet(cells))


def _outputs(model: CellNet, images: Tensor) -> list[Tensor]:
    copied = copy.deepcopy(model).double().train()
    x = copied.stem(images.double())
    outputs = [x]
    for cell in copied.cells:
        x = cell(x.clone())
        outputs.append(x)
    return [output.detach() for output in outputs]


def _entropy(output: Tensor) -> float:
    rows = output.permute(0, 2, 3, 1).reshape(-1, output.shape[1]).numpy()
    rows = rows - rows.mean(0)
    eigenvalues = np.linalg.eigvalsh(rows.T @ rows / len(rows))
    shares = eigenvalues / eigenvalues.sum()
    return -float(np.sum(shares * np.log(shares + 1e-8)))


def test_expressivity_sums_entropies_and_progressivity_takes_the_least_step() -> None:
    model, images = _model("convolution", "pool", "strided"), noise()
    entropies = [_entropy(output) for output in _outputs(model, images)]
    assert len(entropies) == 4
    probe = exact_probe(model, images)
    assert PROXIES.get("az_expressivity")(probe) == pytest.approx(sum(entropies), rel=1e-8)
    expected = min(np.diff(entropies))
    assert PROXIES.get("az_progressivity")(probe) == pytest.approx(expected, rel=1e-6)


def _gain(cell: nn.Module, before: Tensor, after: Tensor, generator: torch.Generator) -> float:
    signs = (torch.randint(0, 2, after.shape, generator=generator) * 2 - 1).double()
    shown = before.clone().requires_grad_()
    cell(shown.clone()).backward(signs)
    inward = shown.grad
    assert inward is not None
    stride = before.shape[2] // after.shape[2]
    pairs = []
    for image in range(len(before)):
        for row in range(after.shape[2]):
            for column in range(after.shape[3]):
                patch = inward[
                    image,
                    :,
                    row * stride : (row + 1) * stride,
                    column * stride : (column + 1) * stride,
                ]
                pairs.append(torch.outer(patch.flatten(), signs[image, :, row, column]))
    return float(torch.linalg.svdvals(torch.stack(pairs).mean(0))[0])


@pytest.mark.parametrize("cells", [("convolution", "pool"), ("gelu", "strided", "convolution")])
def test_trainability_compares_gradients_at_both_ends(cells: tuple[str, ...]) -> None:
    model, images = _model(*cells), noise()
    outputs = _outputs(model, images)
    probe = exact_probe(model, images)
    generator = apart(probe.seed, 2)
    copied = copy.deepcopy(model).double().train()
    gains = [
        _gain(cell, before, after, generator)
        for cell, before, after in zip(copied.cells, outputs, outputs[1:], strict=False)
    ]
    expected = np.mean([-gain - 1 / (gain + 1e-6) + 2 for gain in gains])
    assert PROXIES.get("az_trainability")(probe) == pytest.approx(expected, rel=1e-8)


def test_identities_and_dead_ends_rank_last() -> None:
    trainability = PROXIES.get("az_trainability")
    assert trainability(exact_probe(_model("convolution", "identity"), noise())) == -math.inf
    assert trainability(exact_probe(_model("convolution", "none"), noise())) < -1e5
    assert math.isnan(trainability(exact_probe(_model(), noise())))
    for name in ("az_expressivity", "az_progressivity"):
        assert math.isnan(PROXIES.get(name)(exact_probe(_model("none"), noise())))
    assert math.isnan(PROXIES.get("az_progressivity")(exact_probe(_model(), noise())))


@pytest.mark.parametrize("side", [5, 7])
def test_odd_sides_are_filled_up(side: int) -> None:
    images = F.interpolate(noise(), size=(side, side))
    score = PROXIES.get("az_trainability")(exact_probe(_model("strided", "strided"), images))
    assert math.isfinite(score)


def test_intrain_multiplies_capacity_with_resilience() -> None:
    model, images = _model("convolution", "strided"), noise()
    copied = copy.deepcopy(model).double().train()
    ratios = []
    for module in copied.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _, __, o: ratios.append(_participation(o)))
    F.cross_entropy(copied(images.double()), digits(8)[1]).backward()
    resilience = 0.0
    for module in copied.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            gradient = module.weight.grad
            assert gradient is not None
            resilience += min(1.0, float(gradient.std(correction=0) / gradient.abs().max()))
    expected = np.log(ratios).sum() * (1 + resilience) / math.log(len(ratios) + 1)
    score = PROXIES.get("intrain")(exact_probe(model, images))
    assert score == pytest.approx(expected, rel=1e-6)


def _participation(output: Tensor) -> float:
    rows = output.detach().permute(0, 2, 3, 1).reshape(-1, output.shape[1])
    eigenvalues = torch.linalg.eigvalsh(torch.cov(rows.T, correction=0)) + 1e-10
    return float(eigenvalues.sum() ** 2 / eigenvalues.square().sum())
