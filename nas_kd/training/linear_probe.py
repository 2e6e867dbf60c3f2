"""Accuracy of an embedding under the best linear classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.errors import UsageError

DECAYS = (1e-2, 1e-3, 1e-4, 1e-5)
_ITERATIONS = 100
_HELD_OUT = 0.1


@dataclass(frozen=True)
class LinearProbe:
    """A linear classifier of standardised embeddings.

    Attributes:
        weight: ``(class, channel)``.
        bias: ``(class,)``.
        mean: Of the embeddings that it was fitted to, ``(channel,)``.
        std: Their standard deviation, ``(channel,)``.
    """

    weight: Tensor
    bias: Tensor
    mean: Tensor
    std: Tensor

    def logits(self, embeddings: Tensor) -> Tensor:
        """``(image, channel)`` to ``(image, class)``."""
        return F.linear((embeddings - self.mean) / self.std, self.weight, self.bias)

    def write_into(self, layer: nn.Linear) -> None:
        """Makes ``layer`` give the same logits for embeddings as they are."""
        with torch.no_grad():
            weight = self.weight / self.std
            layer.weight.copy_(weight)
            layer.bias.copy_(self.bias - weight @ self.mean)

    def accuracy(self, embeddings: Tensor, labels: Tensor) -> float:
        """Share of embeddings that are classified right, in [0, 1]."""
        right = self.logits(embeddings).argmax(1) == labels.to(embeddings.device)
        return float(right.float().mean())


def fit_linear_probe(
    embeddings: Tensor, labels: Tensor, *, decay: float, iterations: int = _ITERATIONS
) -> LinearProbe:
    """Logistic regression on all embeddings at once, by L-BFGS from zero: nothing is random.

    Args:
        embeddings: ``(image, channel)``.
        labels: Classes, ``(image,)``.
        decay: Half of it times the squared weights is added to the mean cross-entropy.
        iterations: At most.

    Raises:
        UsageError: There are no embeddings.
    """
    if len(embeddings) == 0:
        raise UsageError("linear probe: there are no embeddings to fit; give some images.")
    labels = labels.to(embeddings.device)
    mean = embeddings.mean(0)
    std = (embeddings - mean).square().mean(0).sqrt().clamp_min(1e-6)
    inputs = (embeddings - mean) / std
    shape = (int(labels.max()) + 1, embeddings.shape[1])
    weight = inputs.new_zeros(shape, requires_grad=True)
    bias = inputs.new_zeros(shape[0], requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=iterations, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(F.linear(inputs, weight, bias), labels)
        loss = loss + decay / 2 * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[arg-type]
    return LinearProbe(weight.detach(), bias.detach(), mean, std)


def chosen_linear_probe(
    embeddings: Tensor, labels: Tensor, *, seed: int, decays: Sequence[float] = DECAYS
) -> LinearProbe:
    """The probe of the decay that does best on a tenth held out, fitted to all embeddings.

    Among equals the strongest decay is taken.
    """
    order = torch.randperm(len(embeddings), generator=torch.Generator().manual_seed(seed))
    held_out, others = order.tensor_split([round(len(order) * _HELD_OUT)])
    accuracies = {
        decay: fit_linear_probe(embeddings[others], labels[others], decay=decay).accuracy(
            embeddings[held_out], labels[held_out]
        )
        for decay in sorted(decays, reverse=True)
    }
    return fit_linear_probe(embeddings, labels, decay=max(accuracies, key=accuracies.__getitem__))
