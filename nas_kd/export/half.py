"""fp16 ONNX files, through the converter that ONNX Runtime ships."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.transformers.float16 import convert_float_to_float16

from nas_kd.costs.onnx_models import onnx_precision
from nas_kd.errors import ExportError, UsageError, first_line
from nas_kd.export.onnx_file import write_model
from nas_kd.export.quiet import quiet


def convert_to_half(onnx_file: Path, out: Path) -> Path:
    """Writes a float16 form of a float32 file; inputs and outputs stay float32.

    Half of the size, and faster on GPUs and on CPUs that compute in float16. ONNX Runtime has few
    float16 kernels for x86 and converts back and forth around the rest, which takes time.

    Args:
        onnx_file: The float32 model.
        out: The file to write; replaced only by a complete one.

    Returns:
        ``out``.

    Raises:
        UsageError: The file is not float32.
        ExportError: The conversion fails.
    """
    precision = onnx_precision(onnx_file)
    if precision != "float32":
        raise UsageError(f"fp16: {onnx_file} is {precision} already. Give the float32 file.")
    try:
        with quiet():
            model = convert_float_to_float16(onnx.load(str(onnx_file)), keep_io_types=True)
        ONNXModel(model).topological_sort()  # the casts were put at the end
        onnx.checker.check_model(model)
    except Exception as error:
        raise ExportError(
            f"fp16: {onnx_file} cannot be converted ({first_line(error)}). Deliver it in float32."
        ) from error
    write_model(model, out)
    return out
