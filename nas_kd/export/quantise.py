"""int8 ONNX files, through ONNX Runtime's own quantiser."""

from __future__ import annotations

import math
import platform
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from nas_kd.costs.onnx_models import onnx_precision
from nas_kd.errors import ExportError, NasKdError, UsageError, first_line
from nas_kd.export.calibration import CalibrationReader
from nas_kd.export.onnx_file import write_model
from nas_kd.export.quiet import quiet
from nas_kd.export.saturation import products_saturate

METADATA = "nas-kd.int8."
"""Prefix of the metadata entries in which a file says how it was quantised."""

_ARM = {"arm64", "aarch64"}
_TYPES = {"int8": QuantType.QInt8, "uint8": QuantType.QUInt8}
_METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
_LEFT_IN_FLOAT = {
    "ArgMax", "BatchNormalization", "CumSum", "EmbedLayerNormalization", "InstanceNormalization",
    "LayerNormalization", "Softmax", "TopK",
}  # fmt: skip
"""What has no integer kernel, or loses accuracy and saves no time: attention and normalisation."""
_DYNAMIC_OPERATORS = ["MatMul", "Attention", "LSTM"]
"""What is quantised dynamically. Convolutions on integers made on the fly are slower than on
floats, and embeddings are looked up, not computed."""


@dataclass(frozen=True)
class Int8Settings:
    """How numbers become 8-bit integers. Weights are symmetric int8.

    Attributes:
        method: ``static`` fixes the ranges of activations by calibration and inserts
            ``QuantizeLinear`` and ``DequantizeLinear`` (QDQ); ``dynamic`` finds them anew in every
            run and quantises matrix products with constant weights only; ``auto`` takes ``dynamic``
            where most weights are in matrix products of tokens.
        activations: Type of the activations.
        symmetric: Whether zero is in the middle of the activations' range.
        per_channel: A scale for every output channel of a weight, not for the whole.
        reduce_range: Weights of 7 bits, so that 16-bit sums of two products cannot overflow.
        calibration: ``minmax`` covers all that was observed and keeps two numbers per tensor.
            ``percentile`` cuts off 0.001 %; ``entropy``, with the 128 bins at which ONNX Runtime
            fixes it, has only the whole range to choose. Both of these keep every activation in
            memory and want batches of one size.
    """

    method: Literal["auto", "static", "dynamic"] = "auto"
    activations: Literal["int8", "uint8"] = "uint8"
    symmetric: bool = False
    per_channel: bool = True
    reduce_range: bool = True
    calibration: Literal["minmax", "entropy", "percentile"] = "minmax"

    @classmethod
    def for_device(cls, device: str) -> Int8Settings:
        """The settings for a file that will run on ``device``.

        GPU: TensorRT takes symmetric int8 in QDQ form only. ARM: int8 activations, for which its
        kernels are made. x86: uint8 activations, for with int8 ones ONNX Runtime 1.32 leaves half
        of a ResNet's convolutions in floats there and is slower than with float32; and 7-bit
        weights where `products_saturate` on this CPU. A file with the full range is wrong on a CPU
        that saturates, also with int8 activations; one with 7 bits is right everywhere.

        Args:
            device: ``cpu``, ``cuda`` or ``tensorrt``.
        """
        if device != "cpu":
            return cls(method="static", activations="int8", symmetric=True, reduce_range=False)
        if platform.machine().lower() in _ARM:
            return cls(activations="int8", reduce_range=products_saturate())
        return cls(reduce_range=products_saturate())


def quantise_onnx(
    onnx_file: Path,
    out: Path,
    calibration: Iterable[NDArray[np.float32]] = (),
    settings: Int8Settings | None = None,
) -> Path:
    """Writes an int8 form of a float32 file; inputs and outputs stay float32.

    First ONNX Runtime folds batch norm and constants into the weights and infers shapes. The
    settings are written into the file's metadata, under `METADATA`.

    Args:
        onnx_file: The float32 model.
        out: The file to write; replaced only by a complete one.
        calibration: Batches ``(batch, channel, height, width)`` of real, normalised images. Only
            static quantisation reads them.
        settings: By default those for this CPU.

    Returns:
        ``out``.

    Raises:
        UsageError: The file is not float32, or the calibration images are missing or do not fit.
        ExportError: The quantiser fails, or finds nothing to quantise.
    """
    settings = settings or Int8Settings.for_device("cpu")
    precision = onnx_precision(onnx_file)
    if precision != "float32":
        raise UsageError(f"int8: {onnx_file} is {precision} already. Give the float32 file.")
    with TemporaryDirectory(prefix="nas-kd-") as folder:
        try:
            with quiet():
                model = _quantised(onnx_file, Path(folder), calibration, settings)
        except NasKdError:
            raise
        except Exception as error:
            raise ExportError(
                f"int8: ONNX Runtime cannot quantise {onnx_file} ({first_line(error)}). Deliver it "
                "in float32 or with --fp16."
            ) from error
    write_model(model, out)
    return out


def _quantised(
    onnx_file: Path,
    folder: Path,
    calibration: Iterable[NDArray[np.float32]],
    settings: Int8Settings,
) -> onnx.ModelProto:
    prepared, quantised = folder / "prepared.onnx", folder / "int8.onnx"
    quant_pre_process(str(onnx_file), str(prepared), skip_symbolic_shape=True)
    graph = onnx.load(str(prepared)).graph
    dynamic = settings.method == "dynamic" or (
        settings.method == "auto" and mostly_token_products(graph)
    )
    facts = {**asdict(settings), "method": "dynamic" if dynamic else "static"}
    if dynamic:
        quantize_dynamic(
            prepared,
            quantised,
            op_types_to_quantize=_DYNAMIC_OPERATORS,
            per_channel=settings.per_channel,
            reduce_range=settings.reduce_range,
            weight_type=QuantType.QInt8,
        )
        for name in ("activations", "symmetric", "calibration"):
            del facts[name]
    else:
        reader = CalibrationReader(calibration, graph)
        _quantise_statically(prepared, quantised, reader, settings)
        facts["calibration_images"] = reader.images
    if onnx_precision(quantised) != "int8":
        raise ExportError(
            f"int8: nothing in {onnx_file} can be quantised; it holds none of the operators that "
            "ONNX Runtime has in int8. Deliver it in float32 or with --fp16."
        )
    return _finished(onnx.load(str(quantised)), facts)


def _quantise_statically(
    prepared: Path, quantised: Path, reader: CalibrationReader, settings: Int8Settings
) -> None:
    on_gpu = settings.symmetric
    quantize_static(
        prepared,
        quantised,
        reader,
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=sorted({*QLinearOpsRegistry, *QDQRegistry} - _LEFT_IN_FLOAT),
        per_channel=settings.per_channel,
        reduce_range=settings.reduce_range,
        activation_type=_TYPES[settings.activations],
        weight_type=QuantType.QInt8,
        calibrate_method=_METHODS[settings.calibration],
        # TensorRT reads neither zero points other than 0 nor biases in 32-bit integers.
        extra_options={"ActivationSymmetric": on_gpu, "QuantizeBias": not on_gpu},
    )


def mostly_token_products(graph: onnx.GraphProto) -> bool:
    """Whether more weights are in matrix products of tokens than in convolutions and heads."""
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    weights = Counter[str]()
    for node in graph.node:
        weights[node.op_type] += sum(sizes.get(name, 0) for name in node.input)
    return weights["MatMul"] + weights["LSTM"] > weights["Conv"] + weights["Gemm"]


def _finished(model: onnx.ModelProto, facts: dict[str, object]) -> onnx.ModelProto:
    """The model with its settings in it, and without operator sets that it does not use."""
    used = {node.domain for node in model.graph.node} | {""}
    imported = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(imported)
    for name, value in facts.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = f"{METADATA}{name}", str(value).lower()
    onnx.checker.check_model(model)
    return model
