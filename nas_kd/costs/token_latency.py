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

LENGTHS = (32, 128)
"""Tokens of a sentence, and of a paragraph."""


def measure_token_latency(
    onnx_file: Path,
    profile: DeviceProfile,
    lengths: Sequence[int] = LENGTHS,
    *,
    axis: str = "sequence",
    target_ci: float = 0.02,
    max_seconds: float = 5.0,
) -> dict[int, LatencyRecord]:
    """Measures a file at each length, with the length fixed in it as a device would have it.

    Args:
        onnx_file: A model whose sequences have any length.
        profile: Device, threads and batch.
        lengths: Tokens in a sequence.
        axis: The file's name for the dynamic length.
        target_ci: As in `measure_latency`.
        max_seconds: As in `measure_latency`, for all lengths together.

    Returns:
        The records by length.

    Raises:
        DeviceUnavailableError: The provider asked for is missing, or not the one in use.
        UsageError: The file is missing, no model, or needs other inputs.
    """
    (records,) = measure_token_latencies(
        [onnx_file], profile, lengths, axis=axis, target_ci=target_ci, max_seconds=max_seconds
    )
    return records


def measure_token_latencies(
    onnx_files: Sequence[Path],
    profile: DeviceProfile,
    lengths: Sequence[int] = LENGTHS,
    *,
    axis: str = "sequence",
    target_ci: float = 0.02,
    max_seconds: float = 5.0,
) -> list[dict[int, LatencyRecord]]:
    """Measures several files beside each other; see `measure_token_latency`.

    Returns:
        The records by length for each file.
    """
    with TemporaryDirectory(prefix="nas-kd-") as folder:
        fixed = [
            at_length(file, length, Path(folder) / f"{number}-{length}.onnx", axis=axis)
            for number, file in enumerate(onnx_files)
            for length in lengths
        ]
        records = iter(measure_many(fixed, profile, target_ci=target_ci, max_seconds=max_seconds))
        return [{length: next(records) for length in lengths} for _ in onnx_files]


def at_length(onnx_file: Path, length: int, out: Path, *, axis: str = "sequence") -> Path:
    """Writes the file with its dynamic length fixed.

    Returns:
        ``out``.
    """
    model = onnx.load(str(onnx_file))
    make_dim_param_fixed(model.graph, axis, length)
    onnx.save(model, str(out))
    return out
