"""Which metrics of a pre-training belong together, and which of them is the one to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_NO_METRICS = ("unit", "seconds")
_SHARED = {
    "accuracy": "Accuracy",
    "validation": "Validation accuracy",
    "held_out": "Loss on held-out data",
    "loss": "Loss",
}
"""Word that names of metrics end in or begin with, to a heading; what counts most comes first."""
_LARGER_IS_BETTER = ("accuracy", "validation")


@dataclass(frozen=True)
class Family:
    """Metrics that are drawn on the same axes.

    Attributes:
        name: The word that they share, or the name of the only one.
        heading: The same for people.
        metrics: Their columns in ``metrics.csv``.
    """

    name: str
    heading: str
    metrics: tuple[str, ...]

    @property
    def is_share(self) -> bool:
        """Whether they are shares in [0, 1], and the larger the better."""
        return self.name in _LARGER_IS_BETTER


def families(columns: Sequence[str]) -> list[Family]:
    """The metrics among the columns, in the order of their first ones."""
    members: dict[str, list[str]] = {}
    for column in columns:
        if column not in _NO_METRICS:
            members.setdefault(_word(column), []).append(column)
    return [
        Family(word, _SHARED.get(word, words(word).capitalize()), tuple(metrics))
        for word, metrics in members.items()
    ]


def principal(found: Sequence[Family]) -> tuple[str, Family]:
    """The metric by which units are compared, and its family.

    Accuracies come before losses; of several accuracies the last is taken, as the found cell's
    after the supernet's, else the first.

    Args:
        found: At least one.
    """
    ranks = {word: rank for rank, word in enumerate(_SHARED)}
    family = min(found, key=lambda family: ranks.get(family.name, len(ranks)))
    return family.metrics[-1 if family.name == "accuracy" else 0], family


def words(name: str) -> str:
    """The name of a metric for people."""
    return name.replace("_", " ")


def _word(column: str) -> str:
    for word in _SHARED:
        if column == word or column.endswith(f"_{word}"):
            return word
    for word in _SHARED:
        if column.startswith(f"{word}_"):
            return word
    return column
