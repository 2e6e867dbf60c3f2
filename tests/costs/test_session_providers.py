"""What sessions are told about their provider, also where there is no GPU to run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from nas_kd.costs import _latency_session
from nas_kd.costs.onnx_models import write_reference_model
from nas_kd.costs.session_providers import CUDA, TENSORRT, session_providers
from nas_kd.export.running import open_onnx
from tests.costs.test_latency import write_chain

EXHAUSTIVE = (CUDA, {"device_id": "0", "cudnn_conv_algo_search": "EXHAUSTIVE"})


def write(path: Path, precision: str) -> Path:
    """A file that computes in ``float32``, ``float16`` or ``int8``."""
    if precision == "float16":
        return write_chain(path, 1, [1, 64, 64], TensorProto.FLOAT16)
    write_reference_model(path)
    if precision == "int8":
        model = onnx.load(str(path))
        model.graph.node[1].op_type = "QuantizeLinear"
        onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("precision", "allowed"),
    [
        ("float32", {}),
        ("float16", {"trt_fp16_enable": "1"}),
        ("int8", {"trt_int8_enable": "1"}),
    ],
)
def test_tensorrt_may_use_the_precision_of_the_file(
    tmp_path: Path, precision: str, allowed: dict[str, str]
) -> None:
    path = write(tmp_path / "model.onnx", precision)
    assert session_providers(path, TENSORRT) == [
        (TENSORRT, {"device_id": "0", **allowed}),
        EXHAUSTIVE,
    ]


def test_other_providers_do_not_read_the_file() -> None:
    assert session_providers("none.onnx", CUDA) == [EXHAUSTIVE]
    assert session_providers("none.onnx", "CPUExecutionProvider") == [("CPUExecutionProvider", {})]


def test_measuring_and_running_open_a_file_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "model.onnx", "float16")
    asked: list[Any] = []

    class Session:
        def __init__(self, path: str, settings: Any, providers: Any) -> None:
            asked.append(providers)

        def get_providers(self) -> list[str]:
            return [TENSORRT]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [TENSORRT])
    _latency_session.open_session(str(path), TENSORRT, 1)
    open_onnx(path, TENSORRT)
    assert asked == [session_providers(path, TENSORRT)] * 2
