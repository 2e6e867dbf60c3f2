"""Which students of a space are trained in a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from nas_kd.training.batches import mixed_seed
from nas_kd.training.language.loop import Moment
from search_spaces import Arch, SearchSpace

Chosen = list[tuple[str, Arch]]
"""Students by their role in the step."""


@dataclass(frozen=True)
class Draw:
    """What a strategy chooses from in one step; all processes draw the same.

    Attributes:
        largest: The largest student.
        smallest: The smallest one.
        archs: All students.
        moment: Where the training stands.
        count: How many random students are wanted.
        generator: Seeded from the step.
    """

    largest: Arch
    smallest: Arch
    archs: Sequence[Arch]
    moment: Moment
    count: int
    generator: torch.Generator

    def random(self, among: Sequence[Arch]) -> Chosen:
        """``count`` random ones ``among`` these, none twice while they last."""
        order = torch.randperm(len(among), generator=self.generator)[: self.count]
        return [(f"random_{n}", among[int(i)]) for n, i in enumerate(order, start=1)]

    def with_probability(self, probability: float) -> bool:
        return float(torch.rand((), generator=self.generator, dtype=torch.float64)) < probability


@dataclass(frozen=True)
class Strategy:
    """A rule of choice.

    Attributes:
        name: Its name.
        summary: What it does, in a few words.
        source: Paper or project.
        choose: The rule.
    """

    name: str
    summary: str
    source: str
    choose: Callable[[Draw], Chosen]


class Chooser:
    """A strategy on a space.

    Args:
        strategy: The rule.
        space: A space that can be enumerated.
        count: How many random students a step trains, for strategies that train any.
        seed: Of the choice.
    """

    def __init__(self, strategy: Strategy, space: SearchSpace, *, count: int, seed: int) -> None:
        self._strategy = strategy
        self._largest, self._smallest = space.anchors()[:2]
        self._archs = list(space.enumerate())
        self._count = count
        self._seed = seed

    def __call__(self, moment: Moment) -> Chosen:
        """The students of the next step by their role in it; the same for the same step."""
        generator = torch.Generator().manual_seed(mixed_seed(self._seed, moment.step))
        return self._strategy.choose(
            Draw(self._largest, self._smallest, self._archs, moment, self._count, generator)
        )


def _autodistil(draw: Draw) -> Chosen:
    ends = (draw.largest, draw.smallest)
    others = [arch for arch in draw.archs if arch not in ends]
    return [("largest", draw.largest), ("smallest", draw.smallest), *draw.random(others)]


def _sandwich(draw: Draw) -> Chosen:
    chosen = draw.random(draw.archs)
    return [("largest", draw.largest), *chosen, ("smallest", draw.smallest)]


def _random(draw: Draw) -> Chosen:
    return draw.random(draw.archs)


def _random_linear(draw: Draw) -> Chosen:
    share = draw.moment.step / max(1, draw.moment.steps - 1)
    if draw.with_probability(share):
        return draw.random(draw.archs)
    return [("largest", draw.largest)]


def _ats(draw: Draw) -> Chosen:
    return [("largest", draw.largest)] if draw.moment.step % 2 else draw.random(draw.archs)


_WHITTLE = "whittle (whittle-org/whittle)"

STRATEGIES: tuple[Strategy, ...] = (
    Strategy(
        "autodistil",
        "the largest, the smallest and others at random, drawn without replacement",
        "Xu et al., AutoDistil, NeurIPS 2022, as in microsoft/autodistil",
        _autodistil,
    ),
    Strategy(
        "sandwich",
        "the largest, some at random, the smallest",
        f"Yu and Huang, ICCV 2019; {_WHITTLE}",
        _sandwich,
    ),
    Strategy("random", "some at random", _WHITTLE, _random),
    Strategy(
        "random-linear",
        "the largest, or with a probability that grows from 0 to 1 some at random",
        _WHITTLE,
        _random_linear,
    ),
    Strategy("ats", "some at random and the largest in turn", _WHITTLE, _ats),
)
"""All strategies; each takes any distiller of token states."""
