"""Latency: real measurements of small files, and every refusal."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from nas_kd.costs import DeviceProfile, LatencyRecord, latency, measure_latency, measure_many
from nas_kd.costs import _latency_session as session
from nas_kd.costs.onnx_models import onnx_precision, write_reference_model
from nas_kd.errors import DeviceUnavailableError, NasKdError, UsageError

CPU = DeviceProfile("cpu")


def write_chain(path: Path, length: int, shape: list[Any], kind: int = TensorProto.FLOAT) -> Path:
    """``length`` products with one 64x64 matrix."""
    values = np.eye(64, dtype=helper.tensor_dtype_to_np_dtype(kind))
    names = [f"map{i}" for i in range(length)]
    nodes = [
        helper.make_node("MatMul", [before, "weight"], [after])
        for before, after in zip(["images", *names], names, strict=False)
    ]
    ends = [helper.make_tensor_value_info(n, kind, shape) for n in ("images", names[-1])]
    weights = [numpy_helper.from_array(values, "weight")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], weights)
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))
    return path


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[LatencyRecord]:
    """A short and a four times longer chain, measured together with a batch of 3."""
    folder = tmp_path_factory.mktemp("chains")
    files = [write_chain(folder / f"chain{n}.onnx", n, ["batch", 64, 64]) for n in (10, 40)]
    profile = DeviceProfile("cpu", threads=1, batch=3)
    return measure_many(files, profile, target_ci=0.1, max_seconds=1.0)


def test_the_record_holds_the_evidence(records: list[LatencyRecord]) -> None:
    for record in records:
        low, high = record.ci95_ms
        assert 0 < low <= record.median_ms <= high
        assert record.median_ms <= record.p90_ms <= record.p99_ms
        assert record.first_run_ms > 0
        assert record.n >= len(record.block_medians_ms) >= len(record.process_medians_ms) >= 2
        assert record.all_runs["n"] >= record.n
        assert 0 <= record.steady_share <= 1
        assert record.provider == "CPUExecutionProvider"
        assert (record.threads, record.batch, record.precision) == (1, 3, "float32")
        assert record.graph_level == "ORT_ENABLE_ALL"
        assert record.how == "measured"
        assert record.device
        assert record.versions["onnxruntime"] == onnxruntime.__version__
        assert record.environment["usable_cores"] >= 1
        assert record.environment["physical_cores"] >= 1
        assert record.environment["session"]["inter_op_threads"] == 1
        assert len(record.load["load_average_before"]) == len(record.load["load_average_after"])
        assert ("busy" in record.flags) == (record.load["others"] > latency.MAX_OTHERS)
        assert ("drift" in record.flags) == record.drift_flagged
        assert datetime.now(UTC) - datetime.fromisoformat(record.measured_at) < timedelta(hours=1)
        assert not record.cached
        assert record.drift_flagged or record.reference_drift <= latency.MAX_DRIFT


def test_four_times_the_work_takes_longer(records: list[LatencyRecord]) -> None:
    short, long = records
    assert 1 < long.relative_to_reference / short.relative_to_reference < 12


def test_the_record_survives_json(records: list[LatencyRecord]) -> None:
    record = records[0]
    assert LatencyRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_records_of_earlier_versions_are_read(records: list[LatencyRecord]) -> None:
    values = records[0].to_dict()
    added = ("process_medians_ms", "steady_share", "normalised_ms", "normalised_ci95_ms",
             "usual_reference_ms", "all_runs", "load", "flags", "measured_at",
             "cached")  # fmt: skip
    for name in added:
        del values[name]
    record = LatencyRecord.from_dict(values)
    assert (record.flags, record.process_medians_ms, record.cached) == ((), (), False)


def test_a_link_has_its_weights_beside_the_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hugging Face's cache keeps files under other names, in another folder."""
    model = onnx.load(str(write_chain(tmp_path / "chain.onnx", 2, ["batch", 64, 64])))
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "blobs").mkdir()
    link = tmp_path / "snapshot" / "model.onnx"
    onnx.save(model, str(link), save_as_external_data=True, location="w.bin", size_threshold=0)
    for number, file in enumerate([link, link.with_name("w.bin")]):
        file.rename(tmp_path / "blobs" / str(number))
        file.symlink_to(f"../blobs/{number}")
    monkeypatch.chdir(tmp_path)
    record = measure_latency(Path("snapshot/model.onnx"), CPU, target_ci=0.5, max_seconds=0.2)
    assert record.median_ms > 0


def test_masks_are_ones_and_tokens_are_valid(tmp_path: Path) -> None:
    names = {
        "input_ids": TensorProto.INT64,
        "attention_mask": TensorProto.INT64,
        "token_type_ids": TensorProto.INT64,
        "position_ids": TensorProto.INT32,
        "pixel_mask": TensorProto.BOOL,
        "pixel_values": TensorProto.FLOAT,
    }
    inputs = [helper.make_tensor_value_info(n, kind, ["batch", 5]) for n, kind in names.items()]
    outputs = [helper.make_tensor_value_info(f"{v.name}_out", v.type.tensor_type.elem_type, None)
               for v in inputs]  # fmt: skip
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in names]
    graph = helper.make_graph(nodes, "tokens", inputs, outputs)
    path = tmp_path / "tokens.onnx"
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))
    values = session.TimedModel(str(path), "CPUExecutionProvider", 1, 2).inputs
    assert (values["attention_mask"] == 1).all()
    assert values["pixel_mask"].all()
    assert (values["input_ids"] == 0).all()
    assert (values["token_type_ids"] == 0).all()
    assert values["position_ids"].tolist() == [[0, 1, 2, 3, 4]] * 2
    assert values["pixel_values"].std() > 0.1
    assert all(array.shape == (2, 5) for array in values.values())


def test_what_the_session_was_given_is_what_it_reports(tmp_path: Path) -> None:
    path = str(write_reference_model(tmp_path / "model.onnx"))
    model = session.TimedModel(path, "CPUExecutionProvider", 1, None)
    assert model.provider_options == {}


def test_nothing_to_measure() -> None:
    assert measure_many([], CPU) == []


def test_the_child_does_not_import_torch() -> None:
    code = (
        "import sys, nas_kd.costs._latency_child\n"
        "print([name for name in ('torch', 'onnx', 'scipy', 'pandas') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        measure_latency(tmp_path / "none.onnx", CPU)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 100])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not an ONNX model"):
        measure_latency(path, CPU)


def test_a_model_that_onnx_runtime_refuses(tmp_path: Path) -> None:
    path = write_chain(tmp_path / "model.onnx", 2, [1, 64, 64])
    model = onnx.load(str(path))
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, str(path))
    with pytest.raises(UsageError, match="cannot load"):
        measure_latency(path, CPU)


def test_a_fixed_batch_that_is_not_the_one_asked_for(tmp_path: Path) -> None:
    path = write_chain(tmp_path / "model.onnx", 2, [2, 64, 64])
    with pytest.raises(UsageError, match="fixed to a batch of 2"):
        measure_latency(path, CPU)


def test_a_dynamic_image_size(tmp_path: Path) -> None:
    path = write_chain(tmp_path / "model.onnx", 2, ["batch", "height", 64])
    with pytest.raises(UsageError, match="only the batch may vary"):
        measure_latency(path, CPU)


def test_settings_out_of_range(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="above zero"):
        measure_many([], CPU, max_seconds=0.0)


def test_a_silent_fall_back_to_the_cpu_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime warns and goes on with the CPU; the session is opened as it would be then."""
    path = str(write_reference_model(tmp_path / "model.onnx"))
    on_cpu = session.open_session(path, "CPUExecutionProvider", 1)
    monkeypatch.setattr(session, "open_session", lambda *arguments: on_cpu)
    with pytest.raises(session.RefusedError, match="fell back to CPUExecutionProvider") as caught:
        session.TimedModel(path, "CUDAExecutionProvider", 1, None)
    assert caught.value.kind == "device"


@pytest.mark.parametrize("provider", ["CUDAExecutionProvider", "AbacusExecutionProvider"])
def test_the_child_refuses_a_provider_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    if provider in onnxruntime.get_available_providers():
        pytest.skip(f"{provider} is part of the installed onnxruntime")
    monkeypatch.setattr(DeviceProfile, "provider", provider)
    with pytest.raises(DeviceUnavailableError, match="not in the installed onnxruntime"):
        latency.probe_provider(CPU)


def test_kernel_time_is_attributed_to_providers(tmp_path: Path) -> None:
    path = str(write_reference_model(tmp_path / "model.onnx"))
    inputs = {"images": np.zeros((1, 16, 32, 32), dtype=np.float32)}
    shares = session.kernel_time_shares(path, "CPUExecutionProvider", 1, inputs)
    assert shares == {"CPUExecutionProvider": 1.0}


def test_the_warm_up_of_a_profile_does_not_count() -> None:
    def event(name: str, ts: int, dur: int, provider: str | None = None) -> dict[str, Any]:
        args = {} if provider is None else {"provider": provider}
        return {"cat": "Node", "name": name, "ts": ts, "dur": dur, "args": args}

    events = [
        event("model_loading_uri", 0, 50),
        event("conv_kernel_time", 110, 9000, "CUDAExecutionProvider"),
        event("model_run", 100, 9500),
        event("conv_kernel_time", 10010, 30, "CUDAExecutionProvider"),
        event("resize_kernel_time", 10050, 10, "CPUExecutionProvider"),
        event("model_run", 10000, 80),
        {"name": "a thread"},
        "no event",
    ]
    shares = session.shares_of_last_run(events)
    assert shares == {"CUDAExecutionProvider": 0.75, "CPUExecutionProvider": 0.25}
    assert session.shares_of_last_run([]) == {}


def test_a_crashed_child_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(NasKdError, match="ended with code 1"):
        latency.probe_provider(CPU)


def test_the_precision_of_a_file(tmp_path: Path) -> None:
    half = write_chain(tmp_path / "half.onnx", 1, [1, 64, 64], TensorProto.FLOAT16)
    assert onnx_precision(half) == "float16"
    reference = write_reference_model(tmp_path / "reference.onnx")
    assert onnx_precision(reference) == "float32"
    model = onnx.load(str(reference))
    model.graph.node[1].op_type = "QuantizeLinear"
    onnx.save(model, str(reference))
    assert onnx_precision(reference) == "int8"


def test_the_reference_model_is_the_same_everywhere(tmp_path: Path) -> None:
    first = write_reference_model(tmp_path / "a.onnx").read_bytes()
    assert write_reference_model(tmp_path / "b.onnx").read_bytes() == first
    onnx.checker.check_model(first)
