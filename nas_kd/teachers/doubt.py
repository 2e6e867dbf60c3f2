"""Whether a teacher only guesses."""

from __future__ import annotations

_LEAST = 0.1
"""Of the way from guessing to knowing everything: a teacher below that is doubted."""


def is_guess(score: float, guessing: float) -> bool:
    """Whether a score, at most 1, is hardly better than what guessing has."""
    return score < guessing + _LEAST * (1 - guessing)


def doubt(validation_accuracy: float, num_classes: int) -> str | None:
    """What is wrong with a teacher that is hardly better than guessing; None where it is better."""
    chance = 1 / num_classes
    if not is_guess(validation_accuracy, chance):
        return None
    return (
        f"WARNING: the teacher is right on {validation_accuracy:.1%} of the validation images, and "
        f"guessing on {chance:.1%}. A student learns nothing from it. Its weights may be of other "
        "classes or in another order (a folder's are numbered by name; folder:PATH?classes=FILE "
        "names them in the teacher's order), or they saw images that were normalised otherwise: "
        "see the teacher's option normalise=data."
    )
