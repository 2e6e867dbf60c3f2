"""What ONNX Runtime is told about the provider that runs a file. No torch here."""

from __future__ import annotations

from pathlib import Path

CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
_OPTIONS = {
    CUDA: {"device_id": "0", "cudnn_conv_algo_search": "EXHAUSTIVE"},
    TENSORRT: {"device_id": "0"},
}
_ALLOWED = {"int8": "trt_int8_enable", "float16": "trt_fp16_enable"}
"""Precision of a file to the option without which TensorRT computes it in float32."""


def session_providers(path: str | Path, provider: str) -> list[tuple[str, dict[str, str]]]:
    """The providers of a session on ``provider``, with their options.

    TensorRT may use the precision of the file, and what it does not support goes to CUDA.

    Raises:
        UsageError: The file is for TensorRT and is no ONNX model.
    """
    options = dict(_OPTIONS.get(provider, {}))
    if provider != TENSORRT:
        return [(provider, options)]
    from nas_kd.costs.onnx_models import onnx_precision

    if allowed := _ALLOWED.get(onnx_precision(Path(path))):
        options[allowed] = "1"
    return [(provider, options), *session_providers(path, CUDA)]
