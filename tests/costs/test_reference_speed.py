"""Latencies at the usual speed of a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nas_kd.costs import DeviceProfile, latency, measure_many
from nas_kd.costs.latency_cache import LatencyCache
from nas_kd.costs.onnx_models import write_reference_model
from nas_kd.costs.reference_speed import ReferenceSpeed
from tests.costs.test_latency_cache import make_record

CPU = DeviceProfile("cpu")


@pytest.fixture
def speed(tmp_path: Path) -> ReferenceSpeed:
    return ReferenceSpeed(tmp_path / "speeds" / "reference.json")


def test_before_the_first_measurement_nothing_is_changed(speed: ReferenceSpeed) -> None:
    record = make_record()
    assert speed.usual_ms() is None
    assert speed.normalise(record) == record


def test_a_slow_moment_is_normalised_and_flagged(speed: ReferenceSpeed) -> None:
    """The machine was half as fast as usual: 4 ms of twice the reference are 2 ms."""
    for time in (0.9, 1.0, 1.0, 1.1):
        speed.learn([make_record(reference_ms=time)])
    record = make_record(
        median_ms=4.0, relative_to_reference=2.0, reference_ms=2.0, normalised_ms=4.0,
        normalised_ci95_ms=(3.8, 4.2), flags=("wide",),
    )  # fmt: skip
    changed = speed.normalise(record)
    assert changed.usual_reference_ms == 1.0
    assert changed.normalised_ms == 2.0
    assert changed.normalised_ci95_ms == pytest.approx((1.9, 2.1))
    assert changed.flags == ("wide", "slow")
    assert changed.median_ms == 4.0
    assert speed.normalise(changed) == changed
    assert speed.normalise(replace(record, reference_ms=1.05)).flags == ("wide",)


def test_a_disturbed_measurement_teaches_nothing(speed: ReferenceSpeed) -> None:
    speed.learn([make_record(reference_ms=5.0, flags=("busy",))])
    speed.learn([])
    assert speed.usual_ms() is None


def test_only_the_latest_are_remembered(speed: ReferenceSpeed) -> None:
    for _ in range(60):
        speed.learn([make_record(reference_ms=1.0)])
    for _ in range(26):
        speed.learn([make_record(reference_ms=2.0)])
    assert speed.usual_ms() == 2.0


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"reference_ms": 3}', '{"reference_ms": [0]}']
)
def test_a_damaged_file_counts_as_empty(speed: ReferenceSpeed, content: str) -> None:
    speed.learn([make_record()])
    speed.path.write_text(content)
    assert speed.usual_ms() is None
    speed.learn([make_record(reference_ms=3.0)])
    assert speed.usual_ms() == 3.0


def test_other_threads_have_another_speed(tmp_path: Path) -> None:
    cache = LatencyCache(tmp_path)
    one, two = (cache.reference_speed(DeviceProfile("cpu", threads=n)).path for n in (1, 2))
    assert one != two
    assert cache.reference_speed(DeviceProfile("cpu", batch=4)).path == one


def test_measuring_learns_and_normalises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_reference_model(tmp_path / "model.onnx")
    cache = LatencyCache(tmp_path / "cache", fresh=True)
    times = iter([1.0, 1.0, 4.0])
    monkeypatch.setattr(
        latency,
        "_measure",
        lambda files, *rest: [make_record(reference_ms=next(times), relative_to_reference=3.0)],
    )
    records = [measure_many([model], CPU, cache=cache)[0] for _ in range(3)]
    assert [record.normalised_ms for record in records] == [3.0, 3.0, 3.0]
    assert [("slow" in record.flags) for record in records] == [False, False, True]
