"""Settings under which something would never happen."""

from __future__ import annotations

from typing import Any

import pytest

from nas_kd.errors import UsageError
from nas_kd.training.pretraining import METHODS

BY_PERTURBATION = {"selection": "perturbation"}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"early_stop": True, "eigenvalue_every": 1, **BY_PERTURBATION}, "early stop"),
        ({"alpha_learning_rate": 0.0}, "as they were drawn"),
        ({"eigenvalue_every": 51}, "never be looked at"),
        ({"vote": "loss", "teachers": 1}, "nobody outvotes"),
        ({"teacher_sources": "external", "external_votes": 2.0}, "nobody outvotes"),
        ({"signal": "relations", "vote": "hard"}, "no classes to vote for"),
        ({"epochs": 5, "selection_epochs": 0, **BY_PERTURBATION}, "nobody would ever teach"),
    ],
)
def test_what_would_never_happen_is_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        METHODS.get("sd-darts").settings(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha_learning_rate": 0.0, **BY_PERTURBATION},
        {"eigenvalue_every": 50},
        {"eigenvalue_every": 51, **BY_PERTURBATION},
        {"vote": "loss"},
        {"vote": "hard", "teachers": 1},
        {"epochs": 5, **BY_PERTURBATION},
        {"teacher_sources": "snapshots+external", "external_votes": 2.0},
    ],
)
def test_what_happens_is_no_mistake(settings: dict[str, Any]) -> None:
    METHODS.get("sd-darts").settings(**settings)
