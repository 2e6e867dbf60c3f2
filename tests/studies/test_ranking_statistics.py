"""Statistics of rankings: what they are invariant to, and what they equal."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import ndcg_score

from studies.ranking.correlation import (
    dense_ranks,
    kendall_tau,
    partial_tau,
    spearman_rho,
    tau_within,
)
from studies.ranking.intervals import (
    Intervals,
    net_concordance,
    rho_derivatives,
    tau_derivatives,
)
from studies.ranking.judge import Judge
from studies.ranking.top import ndcg, top_pick_target

MANY_TIES = st.integers(0, 6).map(float)


def samples(count: int) -> st.SearchStrategy[tuple[np.ndarray, ...]]:
    """``count`` arrays of one length with many ties."""
    return st.integers(3, 24).flatmap(
        lambda n: st.tuples(*(arrays.arrays(np.float64, n, elements=MANY_TIES),) * count)
    )


def noisy(n: int, seed: int = 0, noise: float = 1.0, steps: float = 4.0) -> list[np.ndarray]:
    """A target with ties, a score that follows it, and sizes that both follow a little."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 30, n) * 1000.0
    target = sizes / 9000 + generator.normal(size=n)
    score = target + noise * generator.normal(size=n)
    return [np.round(values * steps) / steps for values in (target, score)] + [sizes]


def test_the_statistics_load_no_torch() -> None:
    code = "import sys, studies.ranking.judge; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


class TestCorrelation:
    @given(samples(2))
    def test_they_are_scipys(self, pair: tuple[np.ndarray, ...]) -> None:
        x, y = pair
        expected = [math.nan, math.nan]
        if np.ptp(x) and np.ptp(y):
            expected = [kendalltau(x, y).statistic, spearmanr(x, y).statistic]
        found = [kendall_tau(x, y), spearman_rho(x, y)]
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)

    @given(samples(2))
    def test_monotone_transforms_change_nothing(self, pair: tuple[np.ndarray, ...]) -> None:
        x, y = pair
        for other in (np.exp(x), 3 * x - 7, x**3):
            assert kendall_tau(other, y) == pytest.approx(kendall_tau(x, y), nan_ok=True)
            assert spearman_rho(other, y) == pytest.approx(spearman_rho(x, y), nan_ok=True)
            assert top_pick_target(other, y) == top_pick_target(x, y)

    def test_what_is_no_value_ranks_last_and_alike(self) -> None:
        scores = np.array([3.0, math.nan, -math.inf, 1.0, math.inf, 3.0])
        assert dense_ranks(scores).tolist() == [2, 0, 0, 1, 0, 2]

    def test_partial_tau_by_hand(self) -> None:
        scores, target, given_sizes = (
            np.array(values, dtype=float)
            for values in ([1, 2, 4, 3, 5], [1, 3, 2, 4, 5], [2, 1, 3, 5, 4])
        )
        st_, sg, tg = 0.6, 0.4, 0.4  # 8 to 2, 7 to 3 and 7 to 3 of ten pairs
        assert kendall_tau(scores, target) == pytest.approx(st_)
        assert kendall_tau(scores, given_sizes) == pytest.approx(sg)
        assert kendall_tau(target, given_sizes) == pytest.approx(tg)
        expected = (st_ - sg * tg) / math.sqrt((1 - sg**2) * (1 - tg**2))
        assert partial_tau(scores, target, given_sizes) == pytest.approx(expected)

    def test_nothing_is_left_of_what_size_explains(self) -> None:
        target, score, sizes = noisy(800)
        assert math.isnan(partial_tau(sizes**2, target, sizes))
        assert math.isnan(partial_tau(score, target, np.ones(800)))
        blind = sizes + 4000 * np.random.default_rng(1).normal(size=800)
        assert kendall_tau(blind, target) > 0.3
        assert abs(tau_within(blind, target, sizes)) < 0.1 < tau_within(score, target, sizes) - 0.2

    @settings(max_examples=60)
    @given(samples(3), st.sampled_from([0.0, 0.05, 0.3, 10.0]))
    def test_tau_within_is_that_over_the_pairs_of_like_size(
        self, triple: tuple[np.ndarray, ...], tolerance: float
    ) -> None:
        x, y, steps = triple
        sizes = np.round(100 * 1.025**steps)
        near = [
            (i, j)
            for i, j in combinations(range(len(x)), 2)
            if max(sizes[i], sizes[j]) <= (1 + tolerance) * min(sizes[i], sizes[j]) + 1e-9
        ]
        signs = [(np.sign(x[i] - x[j]), np.sign(y[i] - y[j])) for i, j in near]
        untied = [sum(pair[side] != 0 for pair in signs) for side in (0, 1)]
        expected = math.nan
        if all(untied):
            expected = sum(a * b for a, b in signs) / math.sqrt(untied[0] * untied[1])
        found = tau_within(x, y, sizes, tolerance)
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)

    def test_tau_within_of_equal_sizes_is_tau(self) -> None:
        target, score, _ = noisy(700)
        assert tau_within(score, target, np.full(700, 5.0)) == pytest.approx(
            kendall_tau(score, target)
        )


class TestTop:
    def test_ndcg_by_hand(self) -> None:
        target = np.array([71.0, 73.0, 72.0])  # gains 1/4, 1, 1/2
        scores = np.array([2.0, 1.0, 3.0])  # gains by place: 1/2, 1/4, 1
        second, third = 1 / math.log2(3), 1 / math.log2(4)
        best = 1 + 0.5 * second + 0.25 * third
        assert ndcg(scores, target) == pytest.approx((0.5 + 0.25 * second + third) / best)
        expected = (0.5 + 0.25 * second) / (1 + 0.5 * second)
        assert ndcg(scores, target, places=2) == pytest.approx(expected)

    def test_ndcg_of_shares_is_that_of_percent(self) -> None:
        target, score, _ = noisy(40)
        percent = 50 + target
        assert ndcg(score, percent / 100) == pytest.approx(ndcg(score, percent))

    @given(samples(2), st.integers(1, 30))
    def test_ndcg_is_that_of_scikit_learn(self, pair: tuple[np.ndarray, ...], places: int) -> None:
        scores, target = pair[0], 50 + pair[1]
        found = ndcg(scores, target, places)
        if np.ptp(target) == 0:
            assert math.isnan(found)
            return
        gains = np.exp2(target - 50)
        assert found == pytest.approx(ndcg_score(gains[None], scores[None], k=places))
        assert 0 < found <= 1 + 1e-12
        assert ndcg(target, target, places) == pytest.approx(1)
        assert ndcg(-target, target, places) <= found + 1e-12

    def test_equal_favourites_share_their_mean(self) -> None:
        target = np.array([1.0, 5.0, 9.0, 2.0])
        assert top_pick_target(np.array([0.0, 7.0, 7.0, 1.0]), target) == 7.0
        assert top_pick_target(np.full(4, math.nan), target) == 4.25


class TestIntervals:
    @pytest.mark.parametrize("n", [10, 60])
    def test_the_bootstrap_is_scipy_on_every_sample(self, n: int) -> None:
        target, score, _ = noisy(n)
        drawn = np.random.default_rng(5).integers(n, size=(200, n))
        taus = [kendalltau(score[rows], target[rows]).statistic for rows in drawn]
        rhos = [spearmanr(score[rows], target[rows]).statistic for rows in drawn]
        tau, rho = Intervals(target, seed=5, draws=200).of(score)
        assert tau == pytest.approx(tuple(np.nanpercentile(taus, [2.5, 97.5])), abs=1e-5)
        assert rho == pytest.approx(tuple(np.nanpercentile(rhos, [2.5, 97.5])), abs=1e-5)

    @given(samples(2))
    def test_concordance_is_counted_pair_by_pair(self, pair: tuple[np.ndarray, ...]) -> None:
        x, y = map(dense_ranks, pair)
        signs = np.sign(x[:, None] - x) * np.sign(y[:, None] - y)
        assert net_concordance(x, y).tolist() == signs.sum(axis=1).tolist()

    @pytest.mark.parametrize("index", [0, 7, 19])
    def test_derivatives_are_those_of_the_weighted_correlations(self, index: int) -> None:
        target, score, _ = noisy(20, steps=1.0)
        x, y = dense_ranks(score), dense_ranks(target)
        sx, sy = (np.sign(v[:, None] - v) for v in (x, y))

        def weighted(w: np.ndarray) -> tuple[float, float]:
            pairs = np.outer(w, w)
            tau = (pairs * sx * sy).sum() / math.sqrt(
                (pairs * abs(sx)).sum() * (pairs * abs(sy)).sum()
            )
            s, t = sx @ w, sy @ w
            return tau, (w * s * t).sum() / math.sqrt((w * s * s).sum() * (w * t * t).sum())

        step = np.zeros(20)
        step[index] = 1e-5
        above, below = weighted(1 + step), weighted(1 - step)
        for found, known, high, low in zip(
            (tau_derivatives(x, y), rho_derivatives(x, y)), weighted(np.ones(20)), above, below,
            strict=True,
        ):  # fmt: skip
            assert found[0] == pytest.approx(known)
            assert found[1][index] == pytest.approx((high - low) / 2e-5, rel=1e-5, abs=1e-8)

    def test_large_tables_get_the_bootstraps_interval_without_samples(self) -> None:
        target, score, _ = noisy(1200)
        drawn = Intervals(target, seed=0).of(score)
        analytic = Intervals(target, seed=0, largest_bootstrap=0).of(score)
        for sampled, derived in zip(drawn, analytic, strict=True):
            width = sampled[1] - sampled[0]
            assert derived == pytest.approx(sampled, abs=0.12 * width)
            assert derived[1] - derived[0] == pytest.approx(width, rel=0.12)

    @pytest.mark.parametrize("largest", [0, 2000])
    def test_rows_of_one_function_are_drawn_together(self, largest: int) -> None:
        target, score, _ = noisy(150, steps=1e6)
        functions = np.arange(150)
        once = Intervals(target, seed=0, largest_bootstrap=largest).of(score)
        many = np.repeat(functions, 6)
        copied = Intervals(target[many], seed=0, functions=many, largest_bootstrap=largest).of(
            score[many]
        )
        alone = Intervals(target[many], seed=0, largest_bootstrap=largest).of(score[many])
        for whole, repeated, fooled in zip(once, copied, alone, strict=True):
            width = whole[1] - whole[0]
            assert repeated[1] - repeated[0] == pytest.approx(width, rel=0.05)
            assert fooled[1] - fooled[0] < 0.5 * width

    def test_functions_of_several_rows_are_drawn_as_scipy_would(self) -> None:
        target, score, _ = noisy(60)
        functions = np.random.default_rng(1).integers(25, size=60)
        functions = np.unique(functions, return_inverse=True)[1]
        count = functions.max() + 1
        drawn = np.random.default_rng(5).integers(count, size=(200, count))
        samples = [np.concatenate([np.flatnonzero(functions == f) for f in one]) for one in drawn]
        taus = [kendalltau(score[rows], target[rows]).statistic for rows in samples]
        tau, _ = Intervals(target, seed=5, draws=200, functions=functions).of(score)
        assert tau == pytest.approx(tuple(np.nanpercentile(taus, [2.5, 97.5])), abs=1e-5)

    def test_they_say_how_they_were_found(self) -> None:
        target, _, _ = noisy(30)
        methods = [Intervals(target, seed=0, largest_bootstrap=n).method for n in (29, 30)]
        assert methods == ["jackknife", "bootstrap"]

    def test_the_interval_covers_as_often_as_it_says(self) -> None:
        truth = 2 / math.pi * math.asin(1 / math.sqrt(2))  # tau of normals correlated 1/sqrt(2)
        covered = 0
        for seed in range(200):
            generator = np.random.default_rng(seed)
            target = generator.normal(size=150)
            score = target + generator.normal(size=150)
            (low, high), _ = Intervals(target, seed=seed, largest_bootstrap=0).of(score)
            covered += low <= truth <= high
        assert 0.9 <= covered / 200 <= 0.99

    def test_a_constant_score_has_no_interval(self) -> None:
        target, _, _ = noisy(30)
        for largest in (0, 100):
            found = Intervals(target, seed=0, largest_bootstrap=largest).of(np.ones(30))
            assert all(math.isnan(end) for interval in found for end in interval)


class TestJudge:
    def test_knows_functions_by_their_keys(self) -> None:
        target, score, sizes = noisy(40)
        keys = [f"f{row // 2}" for row in range(40)]
        found = Judge(target, sizes, seed=0, functions=keys).rate(score)
        numbers = np.arange(40) // 2  # keys in another order draw other samples, as wide
        by_number = Intervals(target, seed=0, functions=numbers).of(score)[0]
        assert found.tau_ci == pytest.approx(by_number, abs=0.1)
        assert found.tau_ci != Judge(target, sizes, seed=0).rate(score).tau_ci

    def test_says_everything_at_once(self) -> None:
        target, score, sizes = noisy(80)
        score[:3] = math.nan, -math.inf, math.inf
        found = Judge(target, sizes, seed=0).rate(score)
        last = np.where(np.isfinite(score), score, score[3:].min() - 1)
        assert found.tau == pytest.approx(kendalltau(last, target).statistic)
        assert found.rho == pytest.approx(spearmanr(last, target).statistic)
        assert found.tau_ci[0] < found.tau < found.tau_ci[1]
        assert found.rho_ci[0] < found.rho < found.rho_ci[1]
        assert (found.n, found.nan) == (80, 3)
        assert list(found.to_document()) == [
            "tau", "tau_ci", "rho", "rho_ci", "partial_tau", "tau_within_params", "ndcg",
            "top_pick_target", "n", "nan",
        ]  # fmt: skip

    def test_the_same_seed_gives_the_same(self) -> None:
        target, score, sizes = noisy(50)
        one, other = (Judge(target, sizes, seed=3).rate(score) for _ in range(2))
        assert one == other
        assert one != Judge(target, sizes, seed=4).rate(score)
