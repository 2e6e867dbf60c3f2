"""Smoothing the loss over the architecture: the weights of operations are disturbed in a step of w.

Source: Chen and Hsieh, SDARTS, ICML 2020 (arXiv 2002.05283), equations 4 and 5. Not as in its code:
the radius grows with every step, there with every epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from search_spaces.supernets import Mixture

FIRST_RADIUS, LAST_RADIUS = 0.03, 0.3
"""Largest change of a weight, growing linearly over the search."""

_ASCENT_STEPS = 7
_TINY = 1e-12

LossOf = Callable[[Mixture], Tensor]
"""The training loss of the batch in hand, in eval mode."""


class Perturbation(Protocol):
    """Disturbs a mixture."""

    def __call__(
        self, mixture: Mixture, share: float, loss_of: LossOf, generator: torch.Generator
    ) -> Mixture:
        """The disturbed mixture, without gradients.

        Args:
            mixture: Without gradients, with all of its weights in [0, 1].
            share: Of the search that is over.
            loss_of: For perturbations that look at the loss.
            generator: On the CPU.
        """
        ...


def unchanged(
    mixture: Mixture, share: float, loss_of: LossOf, generator: torch.Generator
) -> Mixture:
    """No perturbation."""
    return mixture


def random(mixture: Mixture, share: float, loss_of: LossOf, generator: torch.Generator) -> Mixture:
    """SDARTS-RS: a uniform draw from the box around the weights."""
    weights, radius = mixture.operations, _radius(share)
    return replace(mixture, operations=_near(weights, _noise(weights, radius, generator), radius))


def adversarial(
    mixture: Mixture, share: float, loss_of: LossOf, generator: torch.Generator
) -> Mixture:
    """SDARTS-ADV: projected sign ascent in the box; undone where the loss does not rise."""
    weights, radius = mixture.operations, _radius(share)
    change = _noise(weights, radius, generator)
    for _ in range(_ASCENT_STEPS):
        there = {k: v.requires_grad_() for k, v in _near(weights, change, radius).items()}
        loss = loss_of(replace(mixture, operations=there))
        slopes = torch.autograd.grad(loss, list(there.values()))
        step = 2 * radius / _ASCENT_STEPS
        change = {
            kind: there[kind].detach() + step * slope.sign() - weights[kind]
            for kind, slope in zip(there, slopes, strict=True)
        }
    worst = replace(mixture, operations=_near(weights, change, radius))
    with torch.no_grad():
        return worst if loss_of(worst) > loss_of(mixture) else mixture


PERTURBATIONS: dict[str, Perturbation] = {
    "none": unchanged,
    "random": random,
    "adversarial": adversarial,
}


def _radius(share: float) -> float:
    return FIRST_RADIUS + (LAST_RADIUS - FIRST_RADIUS) * share


def _noise(
    weights: Mapping[str, Tensor], radius: float, generator: torch.Generator
) -> dict[str, Tensor]:
    return {
        kind: (radius * (2 * torch.rand(values.shape, generator=generator) - 1)).to(values)
        for kind, values in weights.items()
    }


def _near(
    weights: Mapping[str, Tensor], change: Mapping[str, Tensor], radius: float
) -> dict[str, Tensor]:
    """The weights with the change, no larger than ``radius``; one in all on every edge."""
    moved = {
        kind: (values + change[kind].clamp(-radius, radius)).clamp(0, 1)
        for kind, values in weights.items()
    }
    sums = {kind: values.sum(1, keepdim=True).clamp_min(_TINY) for kind, values in moved.items()}
    return {kind: values / sums[kind] for kind, values in moved.items()}
