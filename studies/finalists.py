"""Who of the ranking become finalists: those that are measured to be fast enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nas_kd.errors import NoFeasibleStudentError
from search_spaces import SearchSpace
from studies.candidates import Candidate
from studies.measured import Measured


def choose_finalists(
    ranking: Sequence[Candidate],
    measure: Callable[[Sequence[Candidate]], list[Measured]],
    *,
    count: int,
    at_most: int,
    margin: float,
    space: SearchSpace,
) -> tuple[list[Measured], list[Measured]]:
    """Walks down the ranking, measuring, until ``count`` candidates meet the latency limit.

    Args:
        ranking: Candidates within the counted budget, best first.
        measure: Measures some candidates together, in one process.
        count: How many finalists are wanted.
        at_most: How many candidates may be measured.
        margin: How far below the latency limit they have to be, as a share of the limit.
        space: The space, for its notation in messages.

    Returns:
        The finalists, best score first, and everything that was measured. When none is below the
        limit by the margin, those that are just below it.

    Raises:
        NoFeasibleStudentError: None of the measured candidates meets the limit.
    """
    finalists: list[Measured] = []
    measured: list[Measured] = []
    queue = list(ranking[:at_most])
    while queue and len(finalists) < count:
        chunk, queue = queue[:count], queue[count:]
        results = measure(chunk)
        measured += results
        finalists += [result for result in results if result.is_below(margin)]
    finalists = finalists or [result for result in measured if result.feasible]
    if not finalists:
        raise NoFeasibleStudentError(_none_fits(measured, space))
    return finalists[:count], measured


def shortfall(
    finalists: Sequence[Measured], measured: Sequence[Measured], count: int, margin: float
) -> str:
    """Why there are fewer finalists than wanted, and whether that leaves any to choose from.

    Empty where neither is worth telling.

    Args:
        finalists: See `choose_finalists`.
        measured: See there.
        count: How many were wanted.
        margin: See there.
    """
    parts = []
    if len(finalists) < count:
        reason = f"no more than {len(measured)} candidates were found"
        if len(finalists) < len(measured):
            below = all(one.is_below(margin) for one in finalists)
            hold = f"are {margin:.0%} below" if below and margin else "hold"
            reason = f"only these of {len(measured)} measured {hold} the latency limit"
        parts.append(f"{len(finalists)} of {count} finalists: {reason}.")
    if len(finalists) == 1:
        parts.append("One finalist: no short distillation.")
    return " ".join(parts)


def is_guessing(accuracy: float, classes: int, images: int) -> bool:
    """Whether an accuracy on so many images is within two standard errors of what guessing has."""
    chance = 1 / classes
    error: float = (chance * (1 - chance) / images) ** 0.5
    return accuracy <= chance + 2 * error


def _none_fits(measured: Sequence[Measured], space: SearchSpace) -> str:
    if not measured:
        return (
            f"search: no candidate of {space.name} within the budget has a finite score. "
            "Search more trials with --trials, or raise the budget."
        )
    nearest = min(measured, key=lambda m: m.violation)
    return (
        f"budget: none of the {len(measured)} best-scored students meets the latency limit. The "
        f"nearest, {space.describe(nearest.candidate.arch)}, takes "
        f"{nearest.latency.median_ms:.3g} ms ({nearest.violation:+.0%}). "
        "Raise the latency budget, lower the MACs budget so that smaller students are searched, "
        "or raise finalists.measured_at_most."
    )
