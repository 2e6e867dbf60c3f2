"""`Scores`: what is known of the functions, pass by pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Pass:
    """Proxies of one function, scored together.

    Attributes:
        key: Key of the canonical architecture.
        seconds: What the pass took: building the student and all its proxies.
        scores: Proxy to score, -inf where it has no value.
    """

    key: str
    seconds: float
    scores: Mapping[str, float]


class Keeper(Protocol):
    """Where passes are kept."""

    def add(self, done: Pass) -> None: ...


class Scores:
    """All passes so far.

    Args:
        earlier: Passes of an earlier call.
        keeper: Told about every new pass.
    """

    def __init__(self, earlier: Iterable[Pass] = (), keeper: Keeper | None = None) -> None:
        self._passes: list[Pass] = []
        self._known: dict[str, dict[str, float]] = {}
        self._keeper = keeper
        for done in earlier:
            self._remember(done)

    def add(self, done: Pass) -> None:
        self._remember(done)
        if self._keeper is not None:
            self._keeper.add(done)

    def missing(self, key: str, proxies: Iterable[str]) -> list[str]:
        """Those of ``proxies`` that the function with this key has no score of."""
        known = self._known.get(key, {})
        return [name for name in proxies if name not in known]

    def of(self, proxy: str, keys: Sequence[str]) -> np.ndarray:
        """The scores of one proxy, ``(key,)``; all of them have to be known."""
        return np.array([self._known[key][proxy] for key in keys])

    def seconds_per_pass(self, proxies: Iterable[str], keys: Iterable[str]) -> float:
        """Seconds of all passes in which one of ``proxies`` took part, by different function.

        Passes are shared: a proxy is charged with the whole of those it took part in.
        """
        names, functions = set(proxies), set(keys)
        spent = sum(
            done.seconds
            for done in self._passes
            if done.key in functions and names & done.scores.keys()
        )
        return spent / len(functions)

    def _remember(self, done: Pass) -> None:
        self._passes.append(done)
        self._known.setdefault(done.key, {}).update(done.scores)
