"""Students at the precision of the device profile: the file that runs there, and its accuracy."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from nas_kd.export import (
    at_precision,
    calibration_batches,
    evaluate_onnx,
    export_onnx,
    precision_file,
)
from nas_kd.export.calibration import DEFAULT_IMAGES
from studies.setting import Setting


def file_to_measure(onnx: Path, setting: Setting, seed: int, images: int = DEFAULT_IMAGES) -> Path:
    """The model at the precision of the profile, beside ``onnx``; ``onnx`` itself for float32.

    Args:
        onnx: The float32 model.
        setting: The profile, and the data whose training images calibrate an int8 file.
        seed: Which of them.
        images: How many of them.
    """
    profile = setting.profile
    if profile.precision == "fp32":
        return onnx
    batches = calibration_batches(setting.data, images, seed=seed)
    return at_precision(onnx, profile, batches, precision_file(onnx, profile.precision))


def deployed_accuracy(
    module: nn.Module, accuracy: float, file: Path, setting: Setting, seed: int
) -> float:
    """Validation accuracy of a trained student at the precision of the profile.

    Args:
        module: The student.
        accuracy: Its validation accuracy in float32, which is the answer for a float32 profile.
        file: Where it is exported to for any other profile.
        setting: The profile and the data.
        seed: Which training images calibrate an int8 file.
    """
    profile = setting.profile
    if profile.precision == "fp32":
        return accuracy
    onnx = export_onnx(module, setting.task.input_shape, file)
    deployed = file_to_measure(onnx, setting, seed)
    return evaluate_onnx(deployed, setting.data.validation, provider=profile.provider)
