"""How a running search tells whoever watches it how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

PER_MILLE = 1000
"""Total of phases that follow a training: its progress in thousandths."""


class Observer(Protocol):
    """Receives the phases of a search and the progress within each."""

    def phase(self, name: str, total: int | None) -> None:
        """A phase begins; ``total`` is the number of steps it will take, where that is known."""
        ...

    def advance(self, done: int, *, best: str = "") -> None:
        """``done`` steps of the phase are over; ``best`` describes the best result so far."""
        ...

    def note(self, message: str) -> None:
        """One line worth keeping in the log."""
        ...


class SilentObserver:
    """An observer that tells nobody."""

    def phase(self, name: str, total: int | None) -> None: ...

    def advance(self, done: int, *, best: str = "") -> None: ...

    def note(self, message: str) -> None: ...


def per_mille(observer: Observer) -> Callable[[int, int, str], None]:
    """Reports how much of a training's steps or seconds is over.

    Once for each thousandth, and for each new best result.
    """
    last: tuple[int, str] | None = None

    def report(done: int, units: int, best: str) -> None:
        nonlocal last
        thousandths = min(PER_MILLE, done * PER_MILLE // max(1, units))
        if (thousandths, best) != last:
            last = (thousandths, best)
            observer.advance(thousandths, best=best)

    return report
