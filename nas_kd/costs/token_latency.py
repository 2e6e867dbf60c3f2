"""Latency of models that read tokens, at several lengths of their sequences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnxruntime.tools.onnx_model_utils import make_dim_param_fixed

from nas_kd.costs.latency import measure_many
from nas_kd.costs.profile import DeviceProfile
from nas_kd.costs.records import LatencyRecord
from nas_kd.costs.tokens import SEQUENCE

LENGTHS = (32, 128)
"""Tokens of a sentence, and of a paragraph."""


def measure_token_latencies(
    onnx_files: Sequence[Path],
    profile: DeviceProfile,
    lengths: Sequence[int] = LENGTHS,
    *,
    max_seconds: float = 5.0,
) -> list[dict[int, LatencyRecord]]:
    """Measures files beside each other, with each length fixed in them as a device would have it.

    Args:
        onnx_files: Models whose sequences have any length.
        profile: Device, threads and batch.
        lengths: Tokens in a sequence.
        max_seconds: As in `measure_many`.

    Returns:
        The records by length for each file.

    Raises:
        DeviceUnavailableError: The provider asked for is missing, or not the one in use.
        UsageError: A file is missing, no model, or needs other inputs.
    """
    with TemporaryDirectory(prefix="nas-kd-") as folder:
        fixed = [
            at_length(file, length, Path(folder) / f"{number}-{length}.onnx")
            for number, file in enumerate(onnx_files)
            for length in lengths
        ]
        records = iter(measure_many(fixed, profile, max_seconds=max_seconds))
        return [{length: next(records) for length in lengths} for _ in onnx_files]


def at_length(onnx_file: Path, length: int, out: Path) -> Path:
    """Writes the file with its dynamic length fixed.

    Returns:
        ``out``.
    """
    model = onnx.load(str(onnx_file))
    make_dim_param_fixed(model.graph, SEQUENCE, length)
    onnx.save(model, str(out))
    return out
