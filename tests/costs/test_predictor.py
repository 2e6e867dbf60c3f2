"""Predicted latency: exact where latencies add up, audited where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_kd.costs.arch_encoding import ArchEncoder
from nas_kd.costs.predictor import LatencyPredictor, design, prediction_error
from nas_kd.errors import UsageError
from search_spaces import Arch, SearchSpace, Task, create_space

TASK = Task(3, 32, 10)
OPERATION_MS = {
    "none": 0.0,
    "skip_connect": 0.01,
    "nor_conv_1x1": 0.1,
    "nor_conv_3x3": 0.5,
    "avg_pool_3x3": 0.07,
}


def features_of(space: SearchSpace, archs: list[Arch]) -> np.ndarray:
    encoder = ArchEncoder(space)
    rows = []
    for arch in archs:
        sizes = space.sizes(arch, TASK)
        assert sizes is not None
        rows.append(encoder.encode(arch, {"macs": sizes.macs, "params": sizes.params}))
    return np.stack(rows)


def additive_ms(archs: list[Arch]) -> np.ndarray:
    return np.array([1.0 + sum(OPERATION_MS[str(op)] for op in arch.values()) for arch in archs])


@pytest.fixture(scope="module")
def cells() -> list[Arch]:
    space = create_space("nasbench201")
    drawn = np.random.default_rng(0).permutation(15625)[:400]
    return list(dict.fromkeys(space.canonical(space.arch_at(int(i))) for i in drawn))


def test_a_sum_over_operations_is_learned_from_few_students(cells: list[Arch]) -> None:
    features, truth = features_of(create_space("nasbench201"), cells), additive_ms(cells)
    chosen = design(features, 40)
    rest = np.setdiff1d(np.arange(len(cells)), chosen)
    predictor = LatencyPredictor(features[chosen], truth[chosen])
    error = prediction_error(
        predictor,
        features[rest],
        truth[rest],
        fitted_macs=features[chosen, 0],
        fitted_ms=truth[chosen],
    )
    assert (error.fitted, error.held_out) == (40, len(rest))
    assert error.mape < 0.01
    assert error.spearman > 0.995
    assert error.macs_mape > 3 * error.mape
    assert f"{error.mape:.1%}" in str(error)


def test_the_design_spreads_out(cells: list[Arch]) -> None:
    """The chosen ones span more than random ones: the linear model is better determined."""
    features = features_of(create_space("nasbench201"), cells)
    scaled = (features - features.mean(0)) / np.maximum(features.std(0), 1e-9)

    def information(rows: np.ndarray) -> float:
        gram = scaled[rows].T @ scaled[rows] + 1e-3 * np.eye(scaled.shape[1])
        return float(np.linalg.slogdet(gram)[1])

    chosen = design(features, 40)
    assert len(set(chosen)) == 40
    generator = np.random.default_rng(1)
    drawn = [information(generator.permutation(len(cells))[:40]) for _ in range(20)]
    assert information(np.array(chosen)) > max(drawn)


def test_a_design_has_no_more_than_the_pool_and_nothing_twice() -> None:
    features = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [2.0, 5.0]])
    chosen = design(features, 10)
    assert len(chosen) == len(set(chosen)) == 3


def test_too_few_students_are_refused() -> None:
    with pytest.raises(UsageError, match="too few"):
        LatencyPredictor(np.eye(3), np.ones(3))


def test_students_of_equal_latency_are_no_problem() -> None:
    predictor = LatencyPredictor(np.eye(5), np.full(5, 2.0))
    assert predictor.predict(np.eye(5)) == pytest.approx(np.full(5, 2.0), rel=0.02)


@pytest.mark.parametrize("name", ["nasbench201", "cifar-resnet"])
def test_the_features_of_a_function_do_not_depend_on_how_it_is_written(name: str) -> None:
    space = create_space(name)
    encoder = ArchEncoder(space)
    costs = {"macs": 1.0, "params": 2.0}
    for arch in list(space.enumerate())[:: max(1, space.size // 50)]:
        first = encoder.encode(arch, costs)
        assert np.array_equal(first, encoder.encode(space.canonical(arch), costs))
        assert first[:2].tolist() == [1.0, 2.0]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(0.01, 100), min_size=4, max_size=12))
def test_a_prediction_is_a_positive_number(latencies: list[float]) -> None:
    features = np.column_stack([np.arange(len(latencies)), np.arange(len(latencies)) ** 2])
    predictor = LatencyPredictor(features, latencies)
    predicted = predictor.predict(features * 3.0 - 5.0)
    assert np.all(np.isfinite(predicted))
    assert np.all(predicted >= min(latencies) / 2)


def test_short_latencies_are_met_as_exactly_as_long_ones() -> None:
    generator = np.random.default_rng(0)
    features = generator.uniform(0, 1, (80, 3))
    truth = 0.1 + features @ np.array([3.0, 1.0, 0.3])
    measured = truth * (1 + 0.03 * generator.normal(size=80))
    predictor = LatencyPredictor(features[:40], measured[:40])
    relative = np.abs(predictor.predict(features[40:]) / truth[40:] - 1)
    short = truth[40:] < np.median(truth[40:])
    assert relative[short].mean() < 0.03
    assert relative[~short].mean() < 0.03


def test_pools_and_skips_of_zeros_do_not_count() -> None:
    space = create_space("nasbench201")
    encoder, costs = ArchEncoder(space), {"macs": 1.0, "params": 2.0}
    idle, bare, used = (
        encoder.encode(space.parse(text), costs)
        for text in (
            "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|avg_pool_3x3~2|",
            "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|",
            "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|",
        )
    )
    assert np.array_equal(idle, bare)
    assert not np.array_equal(used, bare)
