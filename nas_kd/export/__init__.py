"""What is delivered: a checked ONNX file, the weights with their configuration, and a manifest."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas_kd.export.manifest import refresh_manifest, write_manifest
    from nas_kd.export.onnx_file import export_onnx, onnx_facts
    from nas_kd.export.parity import ParityRecord, check_parity
    from nas_kd.export.student import Preprocess, Student, load_student, save_student

__all__ = [
    "ParityRecord",
    "Preprocess",
    "Student",
    "check_parity",
    "export_onnx",
    "load_student",
    "onnx_facts",
    "refresh_manifest",
    "save_student",
    "write_manifest",
]

_HOMES = {
    "ParityRecord": "parity",
    "Preprocess": "student",
    "Student": "student",
    "check_parity": "parity",
    "export_onnx": "onnx_file",
    "load_student": "student",
    "onnx_facts": "onnx_file",
    "refresh_manifest": "manifest",
    "save_student": "student",
    "write_manifest": "manifest",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
