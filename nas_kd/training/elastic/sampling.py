"""Which elastic student is trained at which step: small ones more often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nas_kd.training.elastic.seeds import Use, seed_of
from nas_kd.training.elastic.start import ElasticSpace
from search_spaces import Arch, SearchSpace


def replicas(space: SearchSpace, scale: float, *, by_depth_only: bool = False) -> list[Arch]:
    """Every arch of the space as often as it is to be drawn in one round.

    With the width rank i of N and the depth rank j of M, both from 0 (smallest) to N and M, an arch
    comes round(w d) times, w = (S - 1)(N - i)/N + 1 and d = (S - 1)(M - j)/M + 1: the smallest is
    S^2 times as likely as the largest. S = 1 draws all alike.

    Args:
        space: Its archs have the gene ``width``; what else they have are depths, which are ordered
            by their sum.
        scale: S, at least 1.
        by_depth_only: Leaves w out, as the published ResNets do.

    Source: POA (Chen et al., ECCV 2024, arXiv 2408.01031), equation 14, rounded as in the released
    code.
    """
    archs = list(space.enumerate())
    widths = sorted({_width(arch) for arch in archs})
    depths = sorted({_depths(arch) for arch in archs}, key=lambda depths: (sum(depths), depths))
    of_width = dict(zip(widths, np.linspace(scale, 1, len(widths)).tolist(), strict=True))
    of_depth = dict(zip(depths, np.linspace(scale, 1, len(depths)).tolist(), strict=True))
    if by_depth_only:
        of_width = dict.fromkeys(widths, 1.0)
    return [
        arch
        for arch in archs
        for _ in range(round(of_width[_width(arch)] * of_depth[_depths(arch)]))
    ]


class Deck:
    """Archs in an endless sequence of shuffled rounds.

    What is drawn in a step follows from the seed, the process and the step alone: a resumed
    training goes on where it was without any state.

    Args:
        archs: The archs of a round, some of them several times; none at all draws none.
        seed: Decides the orders.
        process: Likewise: processes of different numbers have different orders.
    """

    def __init__(self, archs: Sequence[Arch], *, seed: int, process: int) -> None:
        self._archs = list(archs)
        self._seed = seed
        self._process = process
        self._round = -1
        self._order: list[int] = []

    def draw(self, step: int, count: int) -> list[Arch]:
        """The ``count`` archs of a step, the steps counted from 0."""
        return [self._at(step * count + place) for place in range(count if self._archs else 0)]

    def _at(self, position: int) -> Arch:
        number, place = divmod(position, len(self._archs))
        if number != self._round:
            seed = seed_of(Use.SIZES, self._seed, self._process, number)
            generator = torch.Generator().manual_seed(seed)
            self._order = torch.randperm(len(self._archs), generator=generator).tolist()
            self._round = number
        return self._archs[self._order[place]]


def elastic_deck(
    space: ElasticSpace, scale: float, *, seed: int, process: int, by_depth_only: bool = False
) -> Deck:
    """Draws `replicas` of all archs but the largest, which is trained in every step anyway."""
    drawn = replicas(space, scale, by_depth_only=by_depth_only)
    return Deck([arch for arch in drawn if arch != space.largest], seed=seed, process=process)


def _width(arch: Arch) -> int:
    return int(arch["width"])


def _depths(arch: Arch) -> tuple[int, ...]:
    return tuple(int(gene) for name, gene in arch.items() if name != "width")
