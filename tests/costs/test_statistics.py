"""Medians, their intervals, and steadiness."""

from __future__ import annotations

import numpy as np
import pytest

from nas_kd.costs.statistics import drift, steady_blocks, summarise


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


def test_blocks_with_a_moved_reference_are_dropped() -> None:
    blocks = [[1.0, 1.0, 9.0], [1.02, 1.02], [1.2, 1.2], [0.99, 0.99]]
    assert drift(blocks, blocks)[2] == pytest.approx(1.2 / 1.01 - 1)
    assert steady_blocks(blocks, blocks, 0.05) == [0, 1, 3]
