"""Medians, their intervals, and steadiness."""

from __future__ import annotations

import numpy as np
import pytest

from nas_kd.costs.statistics import (
    deviation,
    fast_level,
    interval_over_processes,
    relative_half_width,
    summarise,
)


@pytest.mark.parametrize("n", [30, 100, 301])
def test_the_interval_covers_the_true_median_at_least_95_times_in_100(n: int) -> None:
    generator = np.random.default_rng(0)
    true_median, trials, covered = np.log(2.0), 2000, 0
    for _ in range(trials):
        low, high = summarise(generator.exponential(size=n)).ci95
        covered += low <= true_median <= high
    assert 0.945 <= covered / trials <= 0.99


def test_outliers_do_not_move_the_figures() -> None:
    samples = np.linspace(1.0, 1.1, 101)
    noisy = np.concatenate([samples, [50.0, 80.0]])
    assert summarise(noisy).median == pytest.approx(summarise(samples).median, rel=0.01)
    assert summarise(noisy).mad == pytest.approx(0.025, rel=0.1)


def test_figures_by_hand() -> None:
    summary = summarise([5, 1, 2, 3, 4])
    assert (summary.n, summary.median, summary.mad) == (5, 3.0, 1.0)
    assert (summary.p90, summary.p99) == (5.0, 5.0)
    assert summary.ci95 == (1.0, 5.0)
    assert summary.relative_half_width == pytest.approx(2 / 3)


def test_one_sample() -> None:
    assert summarise([2.0]).ci95 == (2.0, 2.0)


def test_the_fast_level_is_that_of_the_undisturbed_slices() -> None:
    """A median per slice: single slow runs do not move it, and neither do slow slices."""
    quiet = [[1.0, 1.0, 9.0], [1.01, 1.02, 1.01], [0.99, 0.99, 0.99]]
    assert fast_level(quiet) == pytest.approx(0.99, abs=0.01)
    assert fast_level([*quiet, *[[1.5] * 3] * 10]) == pytest.approx(1.0, abs=0.02)


def test_the_deviation_is_the_larger_of_both_sides() -> None:
    assert deviation([[1.0, 1.0, 9.0], [1.2, 1.2]], 1.0) == pytest.approx(0.2)
    assert deviation([[0.7], [1.2]], 1.0) == pytest.approx(0.3)


def test_the_interval_over_processes_covers_what_the_pooled_one_misses() -> None:
    """Runs of one process share a factor: their number says nothing of the next process."""
    generator = np.random.default_rng(0)
    trials, covered, pooled_covered = 400, 0, 0
    for _ in range(trials):
        factors = np.exp(generator.normal(0.0, 0.05, size=5))
        runs = [factor * np.exp(generator.normal(0.0, 0.01, size=200)) for factor in factors]
        pooled = summarise(np.concatenate(runs))
        low, high = interval_over_processes([float(np.median(run)) for run in runs], pooled.ci95)
        covered += low <= 1.0 <= high
        pooled_covered += pooled.ci95[0] <= 1.0 <= pooled.ci95[1]
    assert covered / trials >= 0.93
    assert pooled_covered / trials < 0.6


def test_the_interval_over_processes_is_never_narrower_than_the_pooled_one() -> None:
    assert interval_over_processes([1.0, 1.0, 1.0], (0.9, 1.2)) == (0.9, 1.2)
    low, high = interval_over_processes([0.8, 1.0, 1.25], (0.99, 1.01))
    assert low < 0.8
    assert low * high == pytest.approx(1.0)


def test_one_process_has_the_pooled_interval_and_two_that_differ_a_very_wide_one() -> None:
    assert interval_over_processes([1.0], (0.9, 1.2)) == (0.9, 1.2)
    low, high = interval_over_processes([1.0, 1.1], (0.99, 1.01))
    assert low < 0.6
    assert high > 1.8


def test_the_half_width_is_a_share_of_the_median() -> None:
    assert relative_half_width((1.9, 2.1), 2.0) == pytest.approx(0.05)
