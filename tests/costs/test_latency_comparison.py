"""Two models timed in turns."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from nas_kd.costs import DeviceProfile, latency_comparison
from nas_kd.costs.latency_comparison import LatencyComparison, compare_latency
from nas_kd.costs.latency_samples import Samples
from nas_kd.costs.sampling import Plan
from nas_kd.errors import UsageError
from tests.costs.test_latency import write_chain
from tests.costs.test_sampling import model_answer

CPU = DeviceProfile("cpu")


def sampled(*speeds: float) -> Samples:
    """One process for each time."""
    samples = Samples()
    for speed in speeds:
        samples.add(model_answer(run=speed, reference=1.0))
    return samples


@pytest.fixture
def plan() -> Plan:
    return latency_comparison._plan(CPU, 0.01, 30.0)


def test_the_longer_chain_is_slower(tmp_path: Path) -> None:
    short, long = (write_chain(tmp_path / f"{n}.onnx", n, [1, 64, 64]) for n in (10, 40))
    comparison = compare_latency(short, long, CPU, max_seconds=0.5)
    low, high = comparison.ratio_ci95
    assert low <= comparison.ratio <= high
    assert 1 < comparison.ratio < 16


def test_a_speed_that_changes_between_processes_leaves_the_ratio_alone(plan: Plan) -> None:
    first, second = sampled(1.0, 2.0, 3.0, 1.5, 1.0), sampled(1.2, 2.4, 3.6, 1.8, 1.2)
    ratio, interval, ratios = latency_comparison._ratio([first, second], plan)
    assert ratios == pytest.approx([1.2] * 5)
    assert (ratio, *interval) == pytest.approx((1.2, 1.2, 1.2))


def test_luck_of_a_process_is_not_taken_for_a_difference(plan: Plan) -> None:
    """One process favours the second model by a fifth; the others see no difference."""
    first, second = sampled(1.0, 1.0, 1.0, 1.0, 1.0), sampled(1.0, 0.8, 1.0, 1.0, 1.0)
    ratio, (low, high), _ = latency_comparison._ratio([first, second], plan)
    assert ratio < 1.0
    assert low < 1.0 < high


def test_one_process_of_a_gpu_is_judged_by_its_pairs_of_blocks() -> None:
    plan = latency_comparison._plan(DeviceProfile("cuda"), 0.01, 30.0)
    first, second = Samples(), Samples()
    first.add(model_answer(run=1.0, reference=1.0, blocks=10))
    second.add(model_answer(run=1.5, reference=1.0, blocks=10))
    ratio, interval, ratios = latency_comparison._ratio([first, second], plan)
    assert (ratio, *interval, len(ratios)) == pytest.approx((1.5, 1.5, 1.5, 10))


@pytest.mark.parametrize("ratios", [(), (1.3,)])
def test_one_process_is_no_evidence(ratios: tuple[float, ...]) -> None:
    ratio = ratios[0] if ratios else math.nan
    comparison = LatencyComparison(None, None, ratio, (ratio, ratio), ratios)  # type: ignore[arg-type]
    assert not comparison.different


def test_settings_out_of_range(tmp_path: Path) -> None:
    file = write_chain(tmp_path / "chain.onnx", 2, [1, 64, 64])
    with pytest.raises(UsageError, match="above zero"):
        compare_latency(file, file, CPU, target_ci=0.0)
