"""The proxies that read gradients of a batch, against their definitions written out."""

from __future__ import annotations

import copy
import math
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.errors import UsageError
from proxies import PROXIES, Probe
from tests.proxies.cells import CellNet, exact_probe
from tests.proxies.networks import TinyResNet, digits, seeded

LAYERS = nn.Conv2d | nn.Linear


def _model(depth: int = 2, width: int = 4, classes: int = 10) -> TinyResNet:
    model = seeded(lambda: TinyResNet(width, depth, classes))
    model.drop = nn.Identity()
    return model


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {
        f"{name}.weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, LAYERS)
    }


def _loss_gradients(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    copied = copy.deepcopy(model).double().train()
    F.cross_entropy(copied(images.double()), labels).backward()
    return {name: weight.grad for name, weight in _weights(copied).items()}  # type: ignore[misc]


def test_plain_is_the_signed_sum() -> None:
    model = _model()
    gradients = _loss_gradients(model, *digits(8))
    expected = sum(
        float((w.detach() * gradients[n]).sum()) for n, w in _weights(model.double()).items()
    )
    assert PROXIES.get("plain")(exact_probe(model)) == pytest.approx(expected, rel=1e-9)


def test_grasp_multiplies_with_the_whole_hessian() -> None:
    model = _model(depth=1, width=2).double().train()
    images, labels = digits(8)
    weights = {name: weight.detach() for name, weight in _weights(model).items()}
    flat = torch.cat([weight.flatten() for weight in weights.values()])
    sizes = [weight.numel() for weight in weights.values()]

    def loss(flat: Tensor) -> Tensor:
        parts = [
            part.view_as(weight)
            for part, weight in zip(flat.split(sizes), weights.values(), strict=True)
        ]
        named = dict(zip(weights, parts, strict=True))
        return F.cross_entropy(
            torch.func.functional_call(copy.deepcopy(model), named, images.double()), labels
        )

    gradient = torch.autograd.functional.jacobian(loss, flat)
    hessian = torch.autograd.functional.hessian(loss, flat)
    expected = -float(flat @ (hessian @ gradient))
    assert PROXIES.get("grasp")(exact_probe(model)) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("in_place", [False, True])
def test_fisher_counts_each_channel_once_for_each_of_its_weights(in_place: bool) -> None:
    class Plain(nn.Module):
        """Its ReLU may change the convolution's output before the gradient comes."""

        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(in_place), nn.Conv2d(3, 4, 3))
            self.classifier = nn.Linear(4, 10)

        def forward(self, images: Tensor) -> Tensor:
            logits: Tensor = self.classifier(self.blocks(images).mean((2, 3)))
            return logits

    model, (images, labels) = seeded(Plain).double(), digits(8)
    first = model.blocks[0](images.double())
    second = model.blocks[2](first.relu())
    logits = model.classifier(second.mean((2, 3)))
    outputs = [first, second, logits]
    gradients = torch.autograd.grad(F.cross_entropy(logits, labels), outputs)
    expected = 0.0
    for output, gradient, weight in zip(outputs, gradients, _weights(model).values(), strict=True):
        for channel, filters in enumerate(weight):
            pulls = [
                float((output[image, channel] * gradient[image, channel]).sum())
                for image in range(len(images))
            ]
            expected += filters.numel() * 0.5 * np.mean(np.square(pulls))
    assert PROXIES.get("fisher")(exact_probe(model)) == pytest.approx(expected, rel=1e-9)


def test_a_weight_that_two_layers_share_adds_both_up() -> None:
    def saliency(shared: bool) -> dict[str, Tensor]:
        model = _model()
        other = model.get_submodule("blocks.1.convolution")
        other.weight = model.get_parameter("blocks.0.convolution.weight")  # type: ignore[assignment]
        if not shared:
            other.weight = nn.Parameter(other.weight.detach().clone())  # type: ignore[union-attr]
        return exact_probe(model).channel_saliency

    together, apart = saliency(True), saliency(False)
    names = [f"blocks.{index}.convolution.weight" for index in (0, 1)]
    assert names[1] not in together
    assert torch.allclose(together[names[0]], apart[names[0]] + apart[names[1]])


def _jacobian(model: nn.Module, images: Tensor) -> np.ndarray:
    shown = images.double().requires_grad_()
    copy.deepcopy(model).double().train()(shown).sum().backward()
    assert shown.grad is not None
    rows: np.ndarray = shown.grad.flatten(1).numpy()
    return rows


@pytest.mark.parametrize("classes", [10, 101])
def test_epe_nas_correlates_class_by_class(classes: int) -> None:
    model, (images, _) = _model(classes=classes), digits(8)
    labels = torch.tensor([0, 1, 0, 2, 2, 2, 1, 3])
    rows = _jacobian(model, images)
    sums = {}
    for label in range(3):  # the last image is alone in its class
        chosen = rows[labels.numpy() == label]
        sums[label] = np.log(np.abs(np.corrcoef(chosen)) + 1e-5).sum()
        if classes > 100:
            sums[label] /= len(chosen)
    if classes > 100:
        expected = sum(abs(sums[a] - sums[b]) for a, b in product(sums, sums)) / len(sums)
    else:
        expected = sum(abs(value) for value in sums.values())
    probe = Probe(model.double(), images.double(), labels, features=["blocks"], head="classifier")
    assert PROXIES.get("epe_nas")(probe) == pytest.approx(expected, rel=1e-7)


def test_epe_nas_is_refused_where_no_class_has_two_images() -> None:
    images, labels = digits(8)[0], torch.arange(8)
    probe = Probe(_model(), images, labels, features=["blocks"], head="classifier")
    with pytest.raises(UsageError, match="--images"):
        PROXIES.get("epe_nas")(probe)


def _halves(model: nn.Module) -> list[np.ndarray]:
    """For each layer the gradients of the two halves, ``(2, weight)``."""
    images, labels = digits(8)
    one, other = (
        _loss_gradients(model, images[half], labels[half]) for half in (slice(4), slice(4, 8))
    )
    return [np.stack([one[n].flatten().numpy(), other[n].flatten().numpy()]) for n in one]


def test_zico_divides_means_by_deviations() -> None:
    model = seeded(lambda: CellNet(["convolution", "convolution of nothing"]))
    expected = 0.0
    for layer in _halves(model):
        ratios = [
            np.mean(np.abs(weight)) / np.std(weight) for weight in layer.T if np.std(weight) > 0
        ]
        expected += math.log(sum(ratios)) if ratios else 0.0
    assert PROXIES.get("zico")(exact_probe(model)) == pytest.approx(expected, rel=1e-7)


def test_l_swag_multiplies_steadiness_with_patterns() -> None:
    model = _model()
    steadiness = sum(
        math.log(sum(1 / np.std(weight) for weight in layer.T if np.std(weight) > 0))
        for layer in _halves(model)
    )
    words = 0
    copied = copy.deepcopy(model).double().train()
    patterns: list[Tensor] = []
    for module in copied.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(lambda _, i: patterns.append((i[0] > 0).flatten(1)))
    with torch.no_grad():
        copied(digits(8)[0].double())
    words = sum(len({tuple(unit) for unit in pattern.T.tolist()}) for pattern in patterns)
    expected = steadiness * words
    assert PROXIES.get("l_swag")(exact_probe(model)) == pytest.approx(expected, rel=1e-7)


def test_halves_need_two_images_each() -> None:
    model, (images, labels) = _model(), digits(8)
    for size, found in ((2, False), (3, False), (4, True), (5, True)):
        probe = Probe(model, images[:size], labels[:size], features=["blocks"], head="classifier")
        assert bool(probe.half_gradients) == found
        assert math.isfinite(PROXIES.get("zico")(probe)) == found
