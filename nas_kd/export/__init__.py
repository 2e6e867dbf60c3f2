"""What is delivered: checked ONNX files, the weights with their configuration, and a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_kd.lazy_names import lazy_names

if TYPE_CHECKING:
    from nas_kd.export.calibration import calibration_batches
    from nas_kd.export.checked import export_checked
    from nas_kd.export.comparison import PrecisionRecord, compare_precisions
    from nas_kd.export.half import convert_to_half
    from nas_kd.export.manifest import (
        delivered_onnx,
        read_manifest,
        refresh_manifest,
        write_manifest,
    )
    from nas_kd.export.onnx_file import export_onnx, onnx_facts
    from nas_kd.export.parity import ParityRecord, check_parity
    from nas_kd.export.precision import at_precision, precision_file
    from nas_kd.export.preprocess import Preprocess
    from nas_kd.export.quantise import Int8Settings, quantise_onnx
    from nas_kd.export.running import evaluate_onnx
    from nas_kd.export.student import Student, load_student, save_student
    from nas_kd.export.text_student import TextStudent, load_text_student

__all__ = [
    "Int8Settings",
    "ParityRecord",
    "PrecisionRecord",
    "Preprocess",
    "Student",
    "TextStudent",
    "at_precision",
    "calibration_batches",
    "check_parity",
    "compare_precisions",
    "convert_to_half",
    "delivered_onnx",
    "evaluate_onnx",
    "export_checked",
    "export_onnx",
    "load_student",
    "load_text_student",
    "onnx_facts",
    "precision_file",
    "quantise_onnx",
    "read_manifest",
    "refresh_manifest",
    "save_student",
    "write_manifest",
]

_HOMES = {
    "Int8Settings": "quantise",
    "ParityRecord": "parity",
    "PrecisionRecord": "comparison",
    "Preprocess": "preprocess",
    "Student": "student",
    "TextStudent": "text_student",
    "at_precision": "precision",
    "calibration_batches": "calibration",
    "check_parity": "parity",
    "compare_precisions": "comparison",
    "convert_to_half": "half",
    "delivered_onnx": "manifest",
    "evaluate_onnx": "running",
    "export_checked": "checked",
    "export_onnx": "onnx_file",
    "load_student": "student",
    "load_text_student": "text_student",
    "onnx_facts": "onnx_file",
    "precision_file": "precision",
    "quantise_onnx": "quantise",
    "read_manifest": "manifest",
    "refresh_manifest": "manifest",
    "save_student": "student",
    "write_manifest": "manifest",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
