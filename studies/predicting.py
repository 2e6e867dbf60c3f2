"""The latency predictor of a study: fitted on measured students before the search, and audited."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from nas_kd.costs import Limits
from nas_kd.costs.arch_encoding import ArchEncoder
from nas_kd.costs.predictor import (
    LEAST_STUDENTS,
    LatencyPredictor,
    PredictionError,
    design,
    prediction_error,
)
from search_spaces import Arch
from studies.candidates import Candidate
from studies.counting import counted_candidate, has_closed_form
from studies.measuring import Meter
from studies.observer import Observer
from studies.random_arch import anchors_then_random
from studies.recipe import PredictorSection
from studies.setting import Setting

Agree: TypeAlias = Callable[[str, Callable[[], Any]], Any]
"""From the name of a fact and how to find it out to the fact that holds for the whole study."""

_POOL = 500
_POOL_OF_BUILT = 3
"""Where sizes have no closed form, the pool is so many times what is measured."""
_DRAWS_PER_STUDENT = 20
_LARGEST_SHARE = 0.8
"""Of the pool that is used for fitting: the rest is left to find the error on."""


@dataclass(frozen=True)
class StudyPredictor:
    """Predicts the latency of the students of one study.

    Attributes:
        encoder: Of the archs of its space.
        predictor: Fitted on measured students.
        error: On students that were measured and not used for fitting.
    """

    encoder: ArchEncoder
    predictor: LatencyPredictor
    error: PredictionError

    def latency_ms(self, arch: Arch, costs: dict[str, float]) -> float:
        """Predicted latency of an arch with these counted costs."""
        return float(self.predictor.predict(self.encoder.encode(arch, costs))[0])

    def gate(self, limits: Limits) -> Limits:
        """The limits that a prediction has to hold: wider by the mean error.

        A student predicted to be a little too slow may hold the budget; finalists are measured.
        """
        values = dict(limits.values)
        if "latency_ms" in values:
            values["latency_ms"] *= 1 + self.error.mape
        return Limits(values)


def fit_predictor(
    section: PredictorSection,
    setting: Setting,
    meter: Meter,
    observer: Observer,
    seed: int,
    agree: Agree,
) -> StudyPredictor | None:
    """Measures students chosen by design and some others at random, fits on the former.

    Latencies are referred to the moment at which the teacher was measured, by the reference model
    that is timed beside every student.

    Args:
        section: How many are measured.
        setting: Space, task, budget and teacher.
        meter: Measures, and remembers what an interrupted call has measured.
        observer: Told about the progress.
        seed: Of the pool.
        agree: Where several hosts search together, one measures for all.

    Returns:
        None where the students within the counted budget are too few to fit and to check.
    """
    space = setting.space
    pool = _pool(setting, section, seed)
    fitted = min(section.students, int(_LARGEST_SHARE * len(pool)))
    if fitted < LEAST_STUDENTS:
        observer.note(
            f"Latency is not predicted: {len(pool)} students of {space.name} are within the "
            "counted budget, too few to fit. It is measured on the best-scored ones."
        )
        return None
    encoder = ArchEncoder(space)
    features = np.stack([encoder.encode(c.arch, c.costs) for c in pool])
    chosen = design(features, fitted)
    others = sorted(set(range(len(pool))).difference(chosen))
    drawn = np.random.default_rng(seed).permutation(others)[: section.held_out]
    students = [pool[index] for index in (*chosen, *drawn)]
    measured = agree("latencies_ms", lambda: _measure(students, setting, meter, observer))
    latencies = np.array(list(measured.values()))
    rows = {candidate.key: row for row, candidate in enumerate(pool)}
    fit, held = slice(None, len(chosen)), slice(len(chosen), None)
    x = features[[rows[key] for key in measured]]
    predictor = LatencyPredictor(x[fit], latencies[fit])
    error = prediction_error(
        predictor, x[held], latencies[held], fitted_macs=x[fit, 0], fitted_ms=latencies[fit]
    )
    observer.note(f"{error}.")
    return StudyPredictor(encoder, predictor, error)


def _pool(setting: Setting, section: PredictorSection, seed: int) -> list[Candidate]:
    """Distinct students within the counted budget, the anchors first."""
    space, task = setting.space, setting.task
    wanted = section.students + section.held_out
    size = _POOL if has_closed_form(space, task) else _POOL_OF_BUILT * wanted
    generator = np.random.default_rng(seed)
    found: dict[str, Candidate] = {}
    draws = itertools.islice(anchors_then_random(space, generator), _DRAWS_PER_STUDENT * size)
    for arch in map(space.canonical, draws):
        if arch.key not in found:
            candidate = counted_candidate(space, arch, task)
            if setting.limits.hold(candidate.counted):
                found[arch.key] = candidate
        if len(found) == size:
            break
    return list(found.values())


def _measure(
    students: Sequence[Candidate], setting: Setting, meter: Meter, observer: Observer
) -> dict[str, float]:
    """Canonical key to latency in milliseconds, as if all were measured when the teacher was.

    As many as memory holds are measured in the same processes. The reference model beside each of
    them makes those of several groups comparable: the speed of the machine changes within minutes.
    """
    observer.phase("fit latency", None)
    teacher_reference_ms = float(setting.teacher_facts["latency"]["reference_ms"])
    return {
        measured.candidate.key: measured.latency.relative_to_reference * teacher_reference_ms
        for measured in meter.measure(students)
    }
