"""Results of searches that found given candidates."""

from __future__ import annotations

from collections.abc import Sequence

import optuna

from studies.candidates import Candidate
from studies.objectives import Objectives
from studies.search_result import SearchResult
from studies.trials import attributes


def result_of(
    candidates: Sequence[Candidate],
    proxies: Sequence[str] = ("naswot",),
    names: Sequence[str] = ("score", "macs"),
) -> SearchResult:
    """One trial for each candidate; those that were scored fix the scale."""
    scored = [candidate for candidate in candidates if candidate.scores]
    result = SearchResult(Objectives(names, proxies, scored))
    for candidate in candidates:
        result.add(
            optuna.trial.create_trial(
                values=result.objectives.values(candidate), user_attrs=attributes(candidate, None)
            )
        )
    return result
