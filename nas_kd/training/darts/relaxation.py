"""From architecture parameters to weights of operations.

A relaxation gives weights ``(edge, operation)`` for one step (`sample`), and those that are
expected, with which a supernet is evaluated and decoded (`expected`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Dirichlet
from torch.nn import functional as F

_TINY = 1e-20


class Relaxation(Protocol):
    """Weights of the operations on every edge."""

    def sample(self, alphas: Tensor, share: float, generator: torch.Generator) -> Tensor:
        """The weights of one step.

        Args:
            alphas: ``(edge, operation)``.
            share: Of the search that is over, in [0, 1].
            generator: On the CPU.
        """
        ...

    def expected(self, alphas: Tensor) -> Tensor:
        """The weights when nothing is drawn."""
        ...


class Softmax:
    """The softmax of each edge (DARTS; Liu, Simonyan and Yang, ICLR 2019, equation 2)."""

    def sample(self, alphas: Tensor, share: float, generator: torch.Generator) -> Tensor:
        return self.expected(alphas)

    def expected(self, alphas: Tensor) -> Tensor:
        return alphas.softmax(1)


@dataclass(frozen=True)
class Gumbel(Softmax):
    """The softmax of noisy parameters (SNAS), or one operation an edge by their arg-max (GDAS).

    Attributes:
        first: Temperature at the start; it falls linearly.
        last: Temperature at the end.
        hard: Whether one operation an edge is run; the gradient is that of the softmax.
    """

    first: float
    last: float
    hard: bool = False

    def sample(self, alphas: Tensor, share: float, generator: torch.Generator) -> Tensor:
        temperature = self.first + (self.last - self.first) * share
        drawn = torch.empty(alphas.shape).exponential_(generator=generator)
        noise = -drawn.clamp_min(_TINY).log().to(alphas.device)
        soft = ((alphas.log_softmax(1) + noise) / temperature).softmax(1)
        if not self.hard:
            return soft
        one_hot = F.one_hot(soft.argmax(1), soft.shape[1]).to(soft.dtype)
        return one_hot - soft.detach() + soft


class DirichletSample:
    """A draw from a Dirichlet distribution with concentrations elu(alpha) + 1 (DrNAS)."""

    def sample(self, alphas: Tensor, share: float, generator: torch.Generator) -> Tensor:
        seed = int(torch.randint(2**63 - 1, (1,), generator=generator))
        with torch.random.fork_rng(devices=[]):  # the distribution draws from the global generator
            torch.manual_seed(seed)
            drawn: Tensor = Dirichlet(self._concentrations(alphas).cpu()).rsample()
        return drawn.to(alphas.device)

    def expected(self, alphas: Tensor) -> Tensor:
        concentrations = self._concentrations(alphas)
        return concentrations / concentrations.sum(1, keepdim=True)

    def _concentrations(self, alphas: Tensor) -> Tensor:
        return F.elu(alphas) + 1


RELAXATIONS: dict[str, Callable[[], Relaxation]] = {
    "softmax": Softmax,
    "gumbel": lambda: Gumbel(first=1.0, last=0.03),
    "gdas": lambda: Gumbel(first=10.0, last=0.1, hard=True),
    "dirichlet": DirichletSample,
}
"""By name, with the published temperatures."""
