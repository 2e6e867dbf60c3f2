"""What int8 and fp16 cost and save: accuracy and latency before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas_kd.costs import DeviceProfile, LatencyRecord, measure_many
from nas_kd.data import Images
from nas_kd.errors import ExportError
from nas_kd.export.running import accuracy, onnx_logits
from nas_kd.machine_lock import machine_alone, machine_shared


@dataclass(frozen=True)
class PrecisionRecord:
    """A file of lower precision beside the float32 file that it was made from.

    Attributes:
        file: Name of the file.
        precision: ``int8`` or ``fp16``.
        split: Data on which both were run: ``test``, or ``validation`` where there is no test.
        images: How many.
        accuracy_before: Of the float32 file, a share in [0, 1].
        accuracy_after: Of this file.
        top1_agreement: Share of images to which both give the same class.
        max_abs: Largest absolute difference of a logit.
        latency_before: Of the float32 file.
        latency_after: Of this file, in the same process, block by block interleaved.
        bytes_before: Size of the float32 file.
        bytes_after: Size of this file.
    """

    file: str
    precision: str
    split: str
    images: int
    accuracy_before: float
    accuracy_after: float
    top1_agreement: float
    max_abs: float
    latency_before: LatencyRecord
    latency_after: LatencyRecord
    bytes_before: int
    bytes_after: int

    @property
    def latency_ratio(self) -> float:
        """Median latency after, as a share of that before."""
        return self.latency_after.median_ms / self.latency_before.median_ms

    def accuracies(self) -> dict[str, float]:
        """What a manifest says of a student whose file this is: ``accuracy`` of the file, and
        ``accuracy_float32``."""
        return {"accuracy": self.accuracy_after, "accuracy_float32": self.accuracy_before}

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready values."""
        return {
            **vars(self),
            "latency_before": self.latency_before.to_dict(),
            "latency_after": self.latency_after.to_dict(),
            "latency_ratio": self.latency_ratio,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PrecisionRecord:
        """The record that `to_dict` wrote."""
        own = {field.name: values[field.name] for field in fields(cls)}
        latencies = {
            name: LatencyRecord.from_dict(own[name]) for name in ("latency_before", "latency_after")
        }
        return cls(**{**own, **latencies})


def compare_precisions(
    onnx_file: Path,
    variants: Mapping[str, Path],
    images: Images,
    *,
    split: str,
    profile: DeviceProfile,
) -> dict[str, PrecisionRecord]:
    """Runs every file over the images, and measures all of them together.

    The machine's lock is held alone for the measurement, and shared for each pass over the images.

    Args:
        onnx_file: The float32 file.
        variants: Precision to the file made from it.
        images: Normalised as the network expects.
        split: What they are called.
        profile: Device on which all of them run; threads and batch of the latency. Its precision
            does not matter.

    Returns:
        Precision to record.

    Raises:
        ExportError: A file cannot be run, or gives a logit that is not finite.
        DeviceUnavailableError: The profile's provider is missing, or not the one in use.
    """
    provider = profile.provider
    expected = _finite_logits(onnx_file, images, provider)
    found = {name: _finite_logits(file, images, provider) for name, file in variants.items()}
    with machine_alone():
        before, *after = measure_many([onnx_file, *variants.values()], profile)
    return {
        name: PrecisionRecord(
            file=variants[name].name,
            precision=name,
            split=split,
            images=len(images),
            accuracy_before=accuracy(expected, images),
            accuracy_after=accuracy(logits, images),
            top1_agreement=float(np.mean(logits.argmax(1) == expected.argmax(1))),
            max_abs=float(np.abs(logits - expected).max()),
            latency_before=before,
            latency_after=latency,
            bytes_before=onnx_file.stat().st_size,
            bytes_after=variants[name].stat().st_size,
        )
        for (name, logits), latency in zip(found.items(), after, strict=True)
    }


def _finite_logits(path: Path, images: Images, provider: str) -> NDArray[np.float32]:
    with machine_shared():
        logits = onnx_logits(path, images, provider=provider)
    if not np.isfinite(logits).all():
        raise ExportError(
            f"export: {path} gives logits that are NaN or infinite. Its numbers leave the range of "
            "its precision (65,504 in fp16); deliver it in float32."
        )
    return logits
