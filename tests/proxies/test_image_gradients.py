"""The proxies that take images one at a time, against loops over images."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from proxies import PROXIES, Probe, score_student
from proxies._image_gradients import Reading, image_gradients
from proxies.vkdnw import _outwards
from tests.proxies.cells import CellNet, cell_features, exact_probe, noise
from tests.proxies.networks import digits, head, seeded

CELLS = ["convolution", "strided", "gelu"]


def _model(classes: int = 10) -> CellNet:
    return seeded(lambda: CellNet(CELLS, classes=classes))


def _held(model: nn.Module, images: Tensor) -> nn.Module:
    """A copy that normalises by the batch's statistics whatever it is shown."""
    copied = copy.deepcopy(model).double().train()
    handles = []

    def keep(module: nn.Module, inputs: Any) -> None:
        values = inputs[0].detach()
        module.running_mean = values.mean((0, 2, 3))  # type: ignore[assignment]
        module.running_var = values.var((0, 2, 3), correction=0)  # type: ignore[assignment]

    norms = [module for module in copied.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in norms:
        module.momentum = 0.0
        handles.append(module.register_forward_pre_hook(keep))
    with torch.no_grad():
        copied(images.double())
    for handle in handles:
        handle.remove()
    return copied.eval()


def _weights(model: nn.Module) -> list[nn.Parameter]:
    return [m.weight for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def _gradient(output: Tensor, model: nn.Module) -> Tensor:
    found = torch.autograd.grad(output, _weights(model), retain_graph=True)
    return torch.cat([gradient.flatten() for gradient in found])


def test_an_images_logits_are_those_it_has_in_its_batch() -> None:
    model, images = _model(), digits(8)[0]
    held = _held(model, images)
    alone = torch.cat([held(image[None].double()) for image in images])
    assert torch.allclose(alone, exact_probe(model).logits)


def test_gradsign_is_the_mean_agreement_of_signs() -> None:
    model, (images, labels) = _model(), digits(8)
    held = _held(model, images)
    signs = [
        _gradient(F.cross_entropy(held(image[None].double()), label[None]), held).sign()
        for image, label in zip(images, labels, strict=True)
    ]
    expected = float(torch.stack(signs).sum(0).abs().mean())
    assert 1 < expected < 8
    assert PROXIES.get("gradsign")(exact_probe(model)) == pytest.approx(expected, rel=1e-5)


def test_te_nas_conditions_the_kernel_of_all_pairs() -> None:
    model, images = _model(), digits(8)[0]
    held = _held(model, images)
    rows = [_gradient(held(image[None].double()).sum(), held) for image in images]
    kernel = np.array([[float(one @ other) for other in rows] for one in rows])
    spectrum = np.linalg.eigvalsh(kernel)
    score = PROXIES.get("te_nas_ntk")(exact_probe(model))
    assert score == pytest.approx(-spectrum[-1] / spectrum[0], rel=1e-6)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("images", [6, 20])
def test_te_nas_of_an_image_seen_twice_is_singular(images: int, precision: torch.dtype) -> None:
    shown = digits(images)[0].to(precision)
    shown = torch.cat([shown, shown[:2]])
    labels = torch.zeros(len(shown), dtype=torch.long)
    probe = Probe(_model().to(precision), shown, labels, features=[], head="classifier")
    assert PROXIES.get("te_nas_ntk")(probe) == -math.inf


def test_many_images_are_read_in_parts() -> None:
    model, (images, labels) = _model(), digits(40)
    probe = Probe(model.double(), images.double(), labels, features=["last"], head="classifier")
    reading = Reading(F.cross_entropy, lambda found: found["classifier.weight"])
    parts = image_gradients(
        model,
        probe.inputs,
        labels,
        readings={"weight": reading},
        statistics=probe.norm_statistics,
        seed=0,
    )["weight"]
    assert [len(part) for part in parts] == [16, 16, 8]
    mean = torch.cat(parts).mean(0)
    assert torch.allclose(mean, probe.weight_gradients["classifier.weight"])


def test_one_forward_of_an_image_serves_all_that_differentiate_it() -> None:
    calls: list[int] = []

    class Counting(CellNet):
        def forward(self, images: Tensor) -> Tensor:
            calls.append(len(images))
            logits: Tensor = super().forward(images)
            return logits

    def scores(*names: str) -> dict[str, float]:
        images, labels = digits(8)
        return score_student(
            lambda: Counting(CELLS),
            images,
            labels,
            proxies=names,
            features=cell_features,
            head=head,
            seed=0,
        )

    together = scores("gradsign", "te_nas_ntk")
    assert calls == [8, 1]  # the statistics of the batch, and the images one by one
    assert {**scores("te_nas_ntk"), **scores("gradsign")} == together


def _fisher_spectrum(model: nn.Module, images: Tensor) -> np.ndarray:
    held = _held(model, images)
    information = 0
    for image in images:
        logits = held(image[None].double())[0]
        jacobian = torch.stack(
            [
                torch.cat(
                    [
                        gradient[0].flatten()[:4]
                        for gradient in torch.autograd.grad(
                            logit, _weights(held), retain_graph=True
                        )
                    ]
                )
                for logit in logits
            ]
        )  # (class, weight)
        p = logits.softmax(0).detach()
        information += jacobian.T @ (torch.diag(p) - torch.outer(p, p)) @ jacobian / len(images)
    spectrum: np.ndarray = np.linalg.eigvalsh(information.numpy())
    return spectrum.clip(0)


@pytest.mark.parametrize("size", [2, 8])
def test_vkdnw_is_the_entropy_of_the_deciles(size: int) -> None:
    model, images = _model(classes=3), noise(8)[:size]
    spectrum = _fisher_spectrum(model, images)
    assert len(spectrum) == 5 * 4
    deciles = np.quantile(spectrum, np.arange(1, 10) / 10)
    shares = deciles / deciles.sum()
    expected = -sum(share * math.log(share) for share in shares if share > 0)
    labels = torch.zeros(size, dtype=torch.int64)
    probe = Probe(model.double(), images.double(), labels, features=["last"], head="classifier")
    assert PROXIES.get("vkdnw")(probe) == pytest.approx(expected, rel=1e-6)
    assert PROXIES.get("vkdnw_single")(probe) == pytest.approx(5 + expected, rel=1e-6)


@pytest.mark.parametrize("classes", [3, 10, 11, 40])
def test_directions_make_up_the_covariance_of_the_classes(classes: int) -> None:
    logits = torch.randn(2, classes, generator=torch.Generator().manual_seed(0)).double()
    outwards = _outwards(logits)
    assert len(outwards) == min(classes, 10)
    for image, p in enumerate(logits.softmax(1)):
        columns = outwards[:, image]  # (direction, class)
        covariance = torch.diag(p) - torch.outer(p, p)
        assert torch.allclose(columns.sum(1), torch.zeros(()).double(), atol=1e-12)
        if classes <= 10:
            assert torch.allclose(columns.T @ columns, covariance)
        else:
            found = float((columns.T @ columns).trace())
            assert found == pytest.approx(float(covariance.trace()), rel=0.5)
