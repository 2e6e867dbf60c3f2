"""The Pareto front, kept while a search goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from optuna.study import StudyDirection


class Front:
    """What no other one dominates: nowhere worse and somewhere better.

    Of equal values, one objective keeps the first, as it has one best; several keep all.

    Args:
        directions: Of the objectives.
    """

    def __init__(self, directions: Sequence[StudyDirection]) -> None:
        self._signs = [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in directions]
        self._losses: dict[str, tuple[float, ...]] = {}

    def add(self, key: str, values: Sequence[float]) -> None:
        """Takes up one more, if nothing on the front dominates it."""
        losses = tuple(sign * value for sign, value in zip(self._signs, values, strict=True))
        if any(_dominates(other, losses) for other in self._losses.values()):
            return
        for worse in [k for k, other in self._losses.items() if _dominates(losses, other)]:
            del self._losses[worse]
        self._losses[key] = losses

    def __iter__(self) -> Iterator[str]:
        """Keys of those on the front."""
        return iter(self._losses)


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    for a, b in zip(one, other, strict=True):
        if a > b:
            return False
    return len(one) == 1 or one != other
