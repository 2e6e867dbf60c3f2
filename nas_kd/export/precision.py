"""The file that a device profile asks for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas_kd.costs import DeviceProfile
from nas_kd.export.half import convert_to_half
from nas_kd.export.quantise import Int8Settings, quantise_onnx


def at_precision(
    onnx_file: Path,
    profile: DeviceProfile,
    calibration: Iterable[NDArray[np.float32]],
    out: Path,
) -> Path:
    """The file in the profile's precision, made for its device.

    Args:
        onnx_file: The float32 model.
        profile: Its ``precision`` and ``device`` decide.
        calibration: Batches of real, normalised images, as `calibration_batches` gives them; only
            static int8 reads them.
        out: The file to write, where one has to be.

    Returns:
        ``onnx_file`` itself for ``fp32``, else ``out``.

    Raises:
        UsageError: The file is not float32, or the calibration images do not fit.
        ExportError: It cannot be converted.
    """
    if profile.precision == "fp32":
        return onnx_file
    if profile.precision == "fp16":
        return convert_to_half(onnx_file, out)
    return quantise_onnx(onnx_file, out, calibration, Int8Settings.for_device(profile.device))


def precision_file(onnx_file: Path, precision: str) -> Path:
    """Where a form of ``onnx_file`` is kept: ``student.int8.onnx`` beside ``student.onnx``."""
    return onnx_file if precision == "fp32" else onnx_file.with_suffix(f".{precision}.onnx")
