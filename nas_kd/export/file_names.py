"""The names of the files in the directory of a student, of images or of text."""

from __future__ import annotations

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
PROVENANCE = "provenance.json"
"""Only students of text have it."""
ONNX = "student.onnx"
"""The file in float32; see `nas_kd.export.precision.precision_file` for the others."""
MANIFEST = "manifest.json"
