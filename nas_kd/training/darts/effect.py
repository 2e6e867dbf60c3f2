"""Settings under which a search, its teachers or its looks would never come to anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nas_kd.errors import UsageError
from nas_kd.training.idle_settings import refuse_idle
from nas_kd.training.teacher_grid import Vote, make_signal

if TYPE_CHECKING:
    from nas_kd.training.darts.settings import SearchSettings


def require_effect(settings: SearchSettings) -> None:
    """Raises `UsageError` where something is asked for that would never happen."""
    if settings.selection == "argmax":
        _require_trained_alphas(settings)
        _require_looks(settings)
    make_signal(settings.signal, Vote(settings.vote), settings.teacher_temperature)
    if settings.voices == 1:
        _require_no_weighing(settings)
    tunes = settings.selection != "argmax" and settings.selection_epochs
    if settings.voices and settings.teacher_weight and not tunes:  # there they teach, too
        _require_teachers_in_time(settings)


def _require_trained_alphas(settings: SearchSettings) -> None:
    if settings.alpha_start >= settings.epochs:
        raise UsageError(
            f"darts: alpha_start is {settings.alpha_start} and epochs {settings.epochs}: the "
            "architecture parameters would stay as they were drawn. Lower alpha_start, search "
            "longer, or set selection=perturbation, which needs no trained ones."
        )
    if not settings.alpha_learning_rate:
        raise UsageError(
            "darts: alpha_learning_rate is 0: the architecture parameters would stay as they were "
            "drawn. Raise it, or set selection=perturbation, which needs no trained ones."
        )


def _require_looks(settings: SearchSettings) -> None:
    if settings.eigenvalue_every > settings.epochs:
        raise UsageError(
            f"darts: eigenvalue_every is {settings.eigenvalue_every} and epochs "
            f"{settings.epochs}: the eigenvalue would never be looked at. Lower eigenvalue_every."
        )


def _require_no_weighing(settings: SearchSettings) -> None:
    reason = "there is one teacher, which nobody outvotes"
    refuse_idle(settings, ("external_votes",), reason)
    if settings.vote == "loss":
        refuse_idle(settings, ("vote",), reason)


def _require_teachers_in_time(settings: SearchSettings) -> None:
    if settings.teacher_start >= settings.epochs:
        raise UsageError(
            f"teachers: teacher_start is {settings.teacher_start} and epochs {settings.epochs}: "
            "nobody would ever teach. Lower teacher_start, or search longer."
        )
    rounds = math.ceil(settings.epochs / settings.teacher_interval) - 1  # before the last step
    if settings.voices_after(rounds) < settings.least_teachers:
        raise UsageError(
            f"teachers: least_teachers is {settings.least_teachers}, and at most "
            f"{settings.voices_after(rounds)} come together in {settings.epochs} epochs. Lower "
            "least_teachers or teacher_interval, or raise teachers or epochs."
        )
