"""How fast a phase goes on."""

from __future__ import annotations


class Pace:
    """Steps a second of one phase, which may continue an earlier call: what that did, is none."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def begin(self, done: int, now: float) -> None:
        """Counts from the first steps that are told of."""
        if self._first is None and done > 0:
            self._first = (done, now)

    def per_s(self, done: int, now: float) -> float | None:
        """None before there are more of them."""
        if self._first is None:
            return None
        steps, since = done - self._first[0], now - self._first[1]
        return steps / since if since > 0 and steps > 0 else None
