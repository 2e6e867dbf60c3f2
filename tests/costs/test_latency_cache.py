"""The cache gives back only what was measured on the same thing, here, not long ago."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import numpy_helper

from nas_kd.costs import DeviceProfile, LatencyRecord, latency, latency_cache, measure_many
from nas_kd.costs.latency_cache import LatencyCache, latency_folder
from nas_kd.costs.onnx_models import write_reference_model

CPU = DeviceProfile("cpu")
SETTINGS = {"target_ci": 0.02}


def make_record(**changes: Any) -> LatencyRecord:
    record = LatencyRecord(
        median_ms=2.0, p90_ms=2.1, p99_ms=2.2, mad_ms=0.1, ci95_ms=(1.9, 2.1), n=300,
        first_run_ms=3.0, provider="CPUExecutionProvider", device="cpu", threads=1, batch=1,
        precision="float32", graph_level="all", warmup={"runs": 10}, reference_drift=0.0,
        drift_flagged=False, relative_to_reference=1.0, reference_ms=2.0, block_medians_ms=(2.0,),
        process_medians_ms=(2.0, 2.0, 2.0), flags=("wide",),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    return replace(record, **changes)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_reference_model(tmp_path / "model.onnx")


@pytest.fixture
def cache(tmp_path: Path) -> LatencyCache:
    return LatencyCache(tmp_path / "cache")


def key_of(cache: LatencyCache, model: Path, profile: DeviceProfile = CPU) -> str:
    (key,) = cache.keys([model], profile, SETTINGS)
    return key


def test_a_record_from_the_cache_is_the_one_kept_and_says_so(
    cache: LatencyCache, model: Path
) -> None:
    record, key = make_record(), key_of(cache, model)
    assert cache.get(key) is None
    cache.put(key, record)
    assert cache.get(key) == replace(record, cached=True)
    assert [path.suffix for path in cache.folder.iterdir()] == [".json"]


def test_the_key_is_the_content_and_not_the_name(cache: LatencyCache, model: Path) -> None:
    key = key_of(cache, model)
    copy = model.with_name("copy.onnx")
    copy.write_bytes(model.read_bytes())
    assert key_of(cache, copy) == key
    changed = onnx.load(str(copy))
    changed.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(numpy_helper.to_array(changed.graph.initializer[0]) * 2, "weight0")
    )
    onnx.save(changed, str(copy))
    assert key_of(cache, copy) != key


def test_weights_in_another_file_belong_to_the_content(cache: LatencyCache, model: Path) -> None:
    loaded = onnx.load(str(model))
    apart = model.with_name("apart.onnx")
    onnx.save(loaded, str(apart), save_as_external_data=True, location="w.bin", size_threshold=0)
    key = key_of(cache, apart)
    weights = apart.with_name("w.bin")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert key_of(cache, apart) != key


def test_another_setting_is_another_measurement(
    cache: LatencyCache, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {key_of(cache, model)}
    keys |= {key_of(cache, model, DeviceProfile("cpu", threads=2))}
    keys |= {key_of(cache, model, DeviceProfile("cpu", batch=2))}
    keys |= set(cache.keys([model], CPU, {"target_ci": 0.1}))
    monkeypatch.setattr(latency_cache, "device_fingerprint", lambda profile: {"cpu": "another"})
    keys |= {key_of(cache, model)}
    monkeypatch.setattr(latency_cache, "package_versions", lambda names: {"onnxruntime": "9"})
    keys |= {key_of(cache, model)}
    assert len(keys) == 6


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "{}", '{"median_ms": 1}', "\x00" * 10, '{"ci95_ms": 5}']
)
def test_a_damaged_entry_counts_as_missing(cache: LatencyCache, model: Path, content: str) -> None:
    key = key_of(cache, model)
    cache.put(key, make_record())
    (entry,) = cache.folder.iterdir()
    entry.write_text(content)
    assert cache.get(key) is None
    cache.put(key, make_record())
    assert cache.get(key) is not None


def test_an_entry_with_foreign_fields_counts_as_missing(cache: LatencyCache, model: Path) -> None:
    key = key_of(cache, model)
    cache.put(key, make_record())
    (entry,) = cache.folder.iterdir()
    entry.write_text(json.dumps({**json.loads(entry.read_text()), "of_another_version": 1}))
    assert cache.get(key) is None


@pytest.mark.parametrize("age", [timedelta(days=8), timedelta(days=-1)])
def test_old_records_and_those_of_the_future_are_not_used(
    cache: LatencyCache, model: Path, age: timedelta
) -> None:
    key = key_of(cache, model)
    cache.put(key, make_record(measured_at=(datetime.now(UTC) - age).isoformat()))
    assert cache.get(key) is None


def test_fresh_uses_nothing_and_replaces(cache: LatencyCache, model: Path) -> None:
    key = key_of(cache, model)
    cache.put(key, make_record())
    fresh = replace(cache, fresh=True)
    assert fresh.get(key) is None
    fresh.put(key, make_record(median_ms=5.0))
    found = cache.get(key)
    assert found is not None
    assert found.median_ms == 5.0


@pytest.mark.parametrize("flag", ["busy", "drift"])
def test_a_disturbed_measurement_is_not_kept(cache: LatencyCache, model: Path, flag: str) -> None:
    key = key_of(cache, model)
    cache.put(key, make_record(flags=(flag,)))
    assert cache.get(key) is None


def test_a_folder_that_cannot_be_written_keeps_nothing(model: Path) -> None:
    cache = LatencyCache(Path("/proc/nas-kd"))
    key = key_of(cache, model)
    cache.put(key, make_record())
    assert cache.get(key) is None


def test_only_what_is_missing_is_measured(
    cache: LatencyCache, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = model.with_name("other.onnx")
    loaded = onnx.load(str(model))
    loaded.graph.name = "other"
    onnx.save(loaded, str(other))
    asked: list[list[Path]] = []

    def measure(files: list[Path], *rest: Any) -> list[LatencyRecord]:
        asked.append(files)
        return [make_record(median_ms=1.0 + len(asked)) for _ in files]

    monkeypatch.setattr(latency, "_measure", measure)
    (alone,) = measure_many([model], CPU, cache=cache)
    first, second = measure_many([other, model], CPU, cache=cache)
    assert asked == [[model], [other]]
    assert (first.median_ms, first.cached) == (3.0, False)
    assert second == replace(alone, cached=True)
    assert [r.cached for r in measure_many([model, other], CPU, cache=cache)] == [True, True]
    measure_many([model], CPU)
    assert len(asked) == 3


def test_the_user_decides_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAS_KD_CACHE", str(tmp_path))
    assert latency_folder() == tmp_path / "latency"
    monkeypatch.delenv("NAS_KD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert latency_folder() == tmp_path / "nas_kd" / "latency"
