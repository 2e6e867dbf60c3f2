"""The eight proxies of the main job as their papers write them: what `proxy_speed` compares with.

Each makes passes of its own. DisWOT takes the gradient of the classifier from a backward pass of
student and teacher, and compares matrices of channel by channel for every class; MACs are counted
on the network. Nothing is slowed down on purpose; the values are those of `proxies`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.costs import count_macs
from proxies import initialise


@dataclass(frozen=True)
class Network:
    """A network in train mode, its last map and its classifier by name.

    Attributes:
        model: From images to logits.
        last_feature: Name of the module whose output is the map before pooling.
        head: Name of the classifier.
    """

    model: nn.Module
    last_feature: str
    head: str


def textbook_scores(
    student: Network, teacher: Network, images: Tensor, labels: Tensor, seed: int
) -> dict[str, float]:
    """All eight scores of a student with PyTorch's default weights, one after the other."""
    proxies: dict[str, Callable[[], float]] = {
        "naswot": lambda: _naswot(student.model, images),
        "synflow": lambda: _synflow(student.model, images),
        "grad_norm": lambda: sum(float(g.norm()) for g in _gradients(student, images, labels)),
        "snip": lambda: _snip(student, images, labels),
        "jacov": lambda: _jacov(student.model, images),
        "params": lambda: float(sum(p.numel() for p in student.model.parameters())),
        "macs": lambda: float(count_macs(student.model, tuple(images.shape[1:])).macs),
        "diswot": lambda: _diswot(student, teacher, images, labels, seed),
    }
    return {name: proxy() for name, proxy in proxies.items()}


def _layers(model: nn.Module) -> list[nn.Module]:
    return [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def _gradients(network: Network, images: Tensor, labels: Tensor) -> list[Tensor]:
    model = network.model.train()
    weights = [layer.weight for layer in _layers(model)]
    loss = F.cross_entropy(model(images), labels)
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    return [
        torch.zeros_like(weight) if gradient is None else gradient
        for weight, gradient in zip(weights, found, strict=True)
    ]


def _snip(network: Network, images: Tensor, labels: Tensor) -> float:
    gradients = _gradients(network, images, labels)
    pairs = zip(_layers(network.model), gradients, strict=True)
    return sum(float((layer.weight.detach() * gradient).abs().sum()) for layer, gradient in pairs)


def _naswot(model: nn.Module, images: Tensor) -> float:
    kernels: list[Tensor] = []

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        on = (inputs[0].flatten(1) > 0).float()  # (batch, unit)
        kernels.append((on @ on.T + (1 - on) @ (1 - on).T).double())

    hooks = [m.register_forward_hook(record) for m in model.modules() if isinstance(m, nn.ReLU)]
    try:
        with torch.no_grad():
            model.train()(images)
    finally:
        for hook in hooks:
            hook.remove()
    return float(torch.linalg.slogdet(torch.stack(kernels).sum(0)).logabsdet)


def _synflow(model: nn.Module, images: Tensor) -> float:
    linear = copy.deepcopy(model).double().eval()
    for parent in list(linear.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())
            elif isinstance(child, nn.ReLU):
                child.inplace = False
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.abs_()
    weights = [layer.weight for layer in _layers(linear)]
    total = linear(torch.ones_like(images[:1]).double()).sum()
    gradients = torch.autograd.grad(total, weights, allow_unused=True)
    flow = sum(
        float((weight.detach() * gradient).abs().sum())
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is not None
    )
    return math.log(flow) if flow > 0 else -math.inf


def _jacov(model: nn.Module, images: Tensor) -> float:
    inputs = images.clone().requires_grad_()
    (jacobian,) = torch.autograd.grad(model.train()(inputs).sum(), inputs)
    eigenvalues = torch.linalg.eigvalsh(torch.corrcoef(jacobian.flatten(1).double()))
    eigenvalues = eigenvalues.clamp_min(0) + 1e-5
    return -float((eigenvalues.log() + 1 / eigenvalues).sum())


def _diswot(student: Network, teacher: Network, images: Tensor, labels: Tensor, seed: int) -> float:
    maps, gradients = [], []
    for network in (student, teacher):
        initialise(network.model, "gaussian", seed)
        feature, gradient = _feature_and_head_gradient(network, images, labels)
        maps.append(_unit_rows(feature @ feature.T))  # (batch, batch)
        outer = gradient[:, :, None] * gradient[:, None, :]  # (class, channel, channel)
        gradients.append(_unit_rows(outer))
    relation = (maps[0] - maps[1]).square().sum() / len(images) ** 2
    classes, channels, _ = gradients[0].shape
    semantic = (gradients[0] - gradients[1]).square().sum() / (classes * channels)
    return -float(relation + semantic)


def _feature_and_head_gradient(
    network: Network, images: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """The last map, ``(batch, unit)``, and the gradient by the classifier's weight, float64."""
    kept: list[Tensor] = []

    def record(module: nn.Module, inputs: Sequence[Any], output: Tensor) -> None:
        kept.append(output.detach())

    hook = network.model.get_submodule(network.last_feature).register_forward_hook(record)
    try:
        network.model.train().zero_grad()
        F.cross_entropy(network.model(images), labels).backward()  # type: ignore[no-untyped-call]
    finally:
        hook.remove()
    head = network.model.get_submodule(network.head).weight
    assert isinstance(head, nn.Parameter)
    assert head.grad is not None
    return kept[0].flatten(1).double(), head.grad.double()


def _unit_rows(rows: Tensor) -> Tensor:
    norms = rows.norm(dim=-1, keepdim=True)
    return rows / torch.where(norms > 0, norms, torch.ones_like(norms))
