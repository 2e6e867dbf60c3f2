"""`Probe`: one untrained network, one batch, and everything that proxies read from the two."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from proxies._observation import (
    INPUT_JACOBIAN,
    OBSERVABLE,
    WEIGHT_GRADIENTS,
    Observation,
    observe,
    require_labels,
)

_IMPLIED = {
    "head_gradient": frozenset({"pooled"}),
    "features": frozenset({"last_feature"}),
}
"""Facts that come with another one."""


class Probe:
    """Facts of one network on one batch, computed when first read, and then kept.

    All announced facts come out of one forward pass in train mode (batch statistics). It builds no
    graph unless ``weight_gradients`` or ``input_jacobian`` is announced. Reading a fact that was
    not announced adds it and repeats the pass, with the same values.

    The network is used as it is and comes back bit-identical: modes, buffers, ``requires_grad``,
    ``grad``, hooks. The global random state is left alone; layers that draw (dropout) draw from
    ``seed``.

    Args:
        model: Network from images ``(batch, channel, height, width)`` to logits
            ``(batch, class)``, or to an object with ``.logits``.
        inputs: Images, ``(batch, channel, height, width)``, at least two.
        targets: Class indices, ``(batch,)``.
        features: Names of the modules whose outputs are the feature maps, shallow to deep; the
            last one is the map before global pooling.
        head: Name of the classifier, the last linear layer; its output must be the logits.
        costs: Counted ``macs`` and ``params`` of the network.
        needs: Facts to announce, see `announce`.
        seed: Seeds layers that draw in the forward pass.

    Raises:
        UsageError: Inputs and targets do not fit each other.
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        *,
        features: Sequence[str],
        head: str,
        costs: Mapping[str, float] | None = None,
        needs: Collection[str] = (),
        seed: int = 0,
    ) -> None:
        _require_batch(inputs, targets)
        parameter = next(model.parameters(), None)
        device = inputs.device if parameter is None else parameter.device
        self.model = model
        self.inputs = inputs.to(device)
        self.targets = targets.to(device)
        self.costs = dict(costs or {})
        self._features = list(features)
        self._head = head
        self._seed = seed
        self._needs: frozenset[str] = frozenset({"logits"})
        self._observation: Observation | None = None
        self._derived: dict[str, Tensor] = {}
        self.announce(needs)

    def announce(self, needs: Collection[str]) -> None:
        """Says which facts will be read, so that one forward pass serves them all.

        Args:
            needs: ``logits``, ``features``, ``last_feature``, ``pooled``, ``relu``,
                ``head_gradient``, ``weight_gradients``, ``input_jacobian``; other needs of proxies
                (``labels``, ``teacher``, ``costs``, ``model``) take no pass and are ignored.
        """
        facts = OBSERVABLE.intersection(needs)
        for fact in facts:
            facts |= _IMPLIED.get(fact, frozenset())
        if not facts <= self._needs:
            self._needs |= facts
            self._observation = None

    @property
    def logits(self) -> Tensor:
        """``(batch, class)``."""
        return self._observe("logits").logits

    @property
    def features(self) -> dict[str, Tensor]:
        """Module name to its feature map, ``(batch, channel, height, width)``, shallow to deep."""
        seen = self._observe("features").recorded.features
        return {name: self._reached(seen, name) for name in self._features}

    @property
    def last_feature(self) -> Tensor:
        """The feature map before global pooling, ``(batch, channel, height, width)``."""
        if not self._features:
            raise UsageError("no feature map is named; name the one before global pooling.")
        return self._reached(self._observe("last_feature").recorded.features, self._features[-1])

    @property
    def pooled(self) -> Tensor:
        """Input of the classifier, ``(batch, channel)``."""
        return self._reached({self._head: self._observe("pooled").recorded.pooled}, self._head)

    @property
    def activation_kernel(self) -> Tensor:
        """Number of ReLU units that two images switch alike, ``(batch, batch)``, float64.

        With c the 0/1 pattern ``(batch, unit)`` of one call of one ReLU module (input > 0), the
        sum over calls of c c^T + (1 - c)(1 - c)^T.

        Raises:
            UsageError: The network calls no ReLU module; functional ReLUs cannot be seen.
        """
        kernel = self._observe("relu").recorded.kernel
        if kernel is None:
            raise UsageError(
                f"{type(self.model).__name__} calls no ReLU module, so its activation patterns "
                "cannot be read: hooks do not see functional ReLUs. Use torch.nn.ReLU modules, or "
                "leave out proxies that need `relu`, such as naswot."
            )
        return kernel

    @cached_property
    def head_gradient(self) -> Tensor:
        """Gradient of the mean cross-entropy by the classifier's weight, ``(class, channel)``.

        In closed form, (softmax(logits) - onehot(targets))^T pooled / batch, in float64 on the
        CPU: no backward pass. The error of the true class is minus the sum of the others', so that
        it is not cancelled away where the softmax saturates.

        Raises:
            UsageError: The classifier's output is not the network's output.
        """
        output = self._observe("head_gradient").recorded.head_output
        pooled, logits = self.pooled, self.logits
        if output is None or not _equal(output.flatten(1), logits):
            raise UsageError(
                f"the output of the classifier {self._head!r} is not the output of "
                f"{type(self.model).__name__}, so the classifier's gradient has no closed form. "
                "Name the last linear layer, and let the network return its raw logits."
            )
        require_labels(self.targets, logits.shape[1])
        truth = self.targets.cpu()[:, None]  # (batch, 1)
        errors = torch.softmax(logits.cpu().double(), dim=1).scatter(1, truth, 0.0)
        errors = errors.scatter(1, truth, -errors.sum(1, keepdim=True))  # (batch, class)
        return errors.T @ pooled.cpu().double() / len(truth)

    @property
    def weight_gradients(self) -> dict[str, Tensor]:
        """Gradient of the mean cross-entropy by each convolution's and linear layer's weight.

        Parameter name to a tensor of the weight's shape; zero where the loss does not depend on it.
        """
        return self._observe(WEIGHT_GRADIENTS).weight_gradients

    @property
    def input_jacobian(self) -> Tensor:
        """Gradient of the summed logits by the images, ``(batch, channel * height * width)``."""
        jacobian = self._observe(INPUT_JACOBIAN).input_jacobian
        return self._reached({"the images": jacobian}, "the images")

    def derived(self, key: str, compute: Callable[[Probe], Tensor]) -> Tensor:
        """``compute(self)``, kept under ``key``: what a teacher's probe needs only once a study."""
        if key not in self._derived:
            self._derived[key] = compute(self)
        return self._derived[key]

    def _observe(self, fact: str) -> Observation:
        self.announce([fact])
        if self._observation is None:
            self._observation = observe(
                self.model,
                self.inputs,
                self.targets,
                needs=self._needs,
                features=self._features,
                head=self._head,
                seed=self._seed,
            )
        return self._observation

    def _reached(self, seen: Mapping[str, Tensor | None], name: str) -> Tensor:
        tensor = seen.get(name)
        if tensor is None:
            raise UsageError(
                f"{type(self.model).__name__} never calls its submodule {name!r} in a forward "
                "pass; name modules that it does call."
            )
        return tensor


def _equal(one: Tensor, other: Tensor) -> bool:
    """Equality in which NaN equals NaN."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def _require_batch(inputs: Tensor, targets: Tensor) -> None:
    if not inputs.is_floating_point() or inputs.ndim < 2 or len(inputs) < 2:
        raise UsageError(
            f"the probe batch has shape {tuple(inputs.shape)} and type {inputs.dtype}; proxies "
            "compare images with each other, so give at least two, as floats."
        )
    if targets.shape != inputs.shape[:1] or targets.is_floating_point():
        raise UsageError(
            f"{len(inputs)} images come with labels of shape {tuple(targets.shape)} and type "
            f"{targets.dtype}; give one integer class index for each image."
        )
