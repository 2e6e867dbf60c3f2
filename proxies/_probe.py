"""`Probe`: one untrained network, one batch, and everything that proxies read from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.errors import UsageError

FACTS = frozenset(
    {
        "costs",
        "logits",
        "features",
        "pooled",
        "head_gradient",
        "activation_kernel",
        "weight_gradients",
        "input_jacobian",
        "model",
    }
)
"""What a probe knows. All but ``costs`` and ``model`` come out of one forward pass."""

_BACKWARD = frozenset({"weight_gradients", "input_jacobian"})


class Probe:
    """Facts of one network on one batch, computed once when they are first read.

    All proxies share one forward pass, in train mode (batch statistics), with a graph only when a
    declared need asks for gradients. The network is left exactly as it was: modes, buffers,
    ``requires_grad``, no gradients, no hooks.

    Args:
        model: The network, ``(batch, channel, height, width)`` to logits ``(batch, class)``.
        inputs: ``(batch, channel, height, width)``.
        targets: Class indices, ``(batch,)``.
        features: Names of the feature maps; the last one is the map before pooling.
        head: Name of the classifier.
        needs: Facts that will be read.
        costs: Counted costs of the network, ``macs`` and ``params``.
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        *,
        features: Sequence[str],
        head: str,
        needs: frozenset[str],
        costs: Mapping[str, float] | None = None,
    ) -> None:
        unknown = needs - FACTS
        if unknown:
            raise UsageError(f"proxies: a probe does not know {', '.join(sorted(unknown))}.")
        self.model = model
        self.inputs = inputs
        self.targets = targets
        self.costs = dict(costs or {})
        self._feature_name = features[-1] if features else ""
        self._head = head
        self._needs = needs

    @property
    def logits(self) -> Tensor:
        """``(batch, class)``."""
        return self._pass["logits"].detach()

    @property
    def features(self) -> Tensor:
        """The map before pooling, ``(batch, channel, height, width)`` or ``(batch, ...)``."""
        return self._fact("features").detach()

    @property
    def pooled(self) -> Tensor:
        """Input of the classifier, ``(batch, channel)``."""
        return self._fact("pooled").detach()

    @property
    def activation_kernel(self) -> Tensor:
        """Number of ReLU units that two images switch alike, ``(batch, batch)``, float64.

        Summed over all `nn.ReLU` modules; functional ReLUs cannot be seen.
        """
        kernel = self._fact("activation_kernel")
        if kernel.ndim == 0:
            raise UsageError(
                f"proxies: {type(self.model).__name__} has no nn.ReLU module, so activation "
                "patterns cannot be read. Use nn.ReLU modules instead of functional ReLUs, or "
                "leave out proxies such as naswot."
            )
        return kernel

    @cached_property
    def head_gradient(self) -> Tensor:
        """Gradient of the mean cross-entropy by the classifier's weight, ``(class, channel)``.

        In closed form (softmax(z) - onehot(y))^T h / batch, in float64, without a backward pass.
        """
        logits = self.logits.double()
        errors = torch.softmax(logits, dim=1) - F.one_hot(self.targets, logits.shape[1])
        return errors.T @ self.pooled.double() / len(self.targets)

    @cached_property
    def gram(self) -> Tensor:
        """Row-normalised batch Gram matrix of the map before pooling, ``(batch, batch)``, float64."""
        flat = self.features.flatten(1)
        return F.normalize((flat @ flat.T).double(), dim=1)

    @cached_property
    def weight_gradients(self) -> list[tuple[Tensor, Tensor]]:
        """Weights of convolutions and linear layers, each with its gradient of the cross-entropy."""
        loss = F.cross_entropy(self._pass["logits"], self.targets)
        weights = _weights(self.model)
        grads = torch.autograd.grad(
            loss, weights, retain_graph="input_jacobian" in self._needs, allow_unused=True
        )
        return [
            (weight.detach(), torch.zeros_like(weight) if grad is None else grad)
            for weight, grad in zip(weights, grads, strict=True)
        ]

    @cached_property
    def input_jacobian(self) -> Tensor:
        """Gradient of the summed logits by the inputs, ``(batch, channel * height * width)``."""
        (jacobian,) = torch.autograd.grad(
            self._pass["logits"].sum(),
            self._pass["inputs"],
            retain_graph="weight_gradients" in self._needs,
            allow_unused=True,
        )
        if jacobian is None:
            return torch.zeros_like(self.inputs).flatten(1)
        return jacobian.flatten(1)

    def _fact(self, name: str) -> Tensor:
        if name not in self._pass:
            raise ValueError(f"probe: {name} is read but was not declared as a need")
        return self._pass[name]

    @cached_property
    def _pass(self) -> dict[str, Tensor]:
        """The one forward pass, with what the needs ask to be kept of it."""
        kept: dict[str, Tensor] = {}
        with_graph = bool(self._needs & _BACKWARD)
        inputs = self.inputs
        if "input_jacobian" in self._needs:
            inputs = inputs.detach().clone().requires_grad_(True)
        with _as_it_was(self.model), _hooked(self._hooks(kept)), torch.set_grad_enabled(with_graph):
            self.model.train()
            if with_graph:
                for weight in _weights(self.model):
                    weight.requires_grad_(True)
            kept["logits"] = self.model(inputs)
        kept["inputs"] = inputs
        return kept

    def _hooks(self, kept: dict[str, Tensor]) -> list[Any]:
        def keep_features(_: nn.Module, __: Any, output: Tensor) -> None:
            kept["features"] = output.detach()

        def keep_pooled(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            kept["pooled"] = inputs[0].detach()

        def add_pattern(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            active = (inputs[0].detach() > 0).flatten(1).float()  # batch, unit
            both = active @ active.T
            counts = active.sum(1)
            neither = active.shape[1] - counts[:, None] - counts[None, :] + both
            kept["activation_kernel"] = kept["activation_kernel"] + (both + neither).double()

        handles = []
        if "features" in self._needs:
            layer = self.model.get_submodule(self._feature_name)
            handles.append(layer.register_forward_hook(keep_features))
        if self._needs & {"pooled", "head_gradient"}:
            layer = self.model.get_submodule(self._head)
            handles.append(layer.register_forward_pre_hook(keep_pooled))
        if "activation_kernel" in self._needs:
            kept["activation_kernel"] = torch.zeros((), dtype=torch.float64)
            handles += [
                layer.register_forward_pre_hook(add_pattern)
                for layer in self.model.modules()
                if isinstance(layer, nn.ReLU)
            ]
        return handles


def _weights(model: nn.Module) -> list[nn.Parameter]:
    return [
        layer.weight for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)
    ]


@contextmanager
def _hooked(handles: list[Any]) -> Iterator[None]:
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _as_it_was(model: nn.Module) -> Iterator[None]:
    """Restores modes and ``requires_grad``; buffers are copies inside the block, so the originals
    are not touched and a graph that saved the copies stays valid."""
    modes = [(layer, layer.training) for layer in model.modules()]
    buffers = [(layer, dict(layer._buffers)) for layer in model.modules()]
    trainable = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    for layer, own in buffers:
        layer._buffers.update({n: None if b is None else b.clone() for n, b in own.items()})
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode
        for layer, own in buffers:
            layer._buffers.update(own)
        for parameter, flag in trainable:
            parameter.requires_grad_(flag)
