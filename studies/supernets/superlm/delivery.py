"""A student of a SuperLM as a checked student on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas_kd.costs import DeviceProfile
from nas_kd.export import refresh_manifest
from nas_kd.export.file_names import ONNX
from nas_kd.export.text_delivery import deliver_text_student, readable_lengths
from nas_kd.training.superlm import Finalist
from studies.supernets.superlm.latency import TextLatencyLimit
from studies.supernets.superlm.source import Source
from studies.token_timing import time_texts


def deliver(
    source: Source,
    finalist: Finalist,
    directory: Path,
    *,
    profile: DeviceProfile | None,
    limit: TextLatencyLimit | None,
) -> dict[str, Any]:
    """Writes transformers' files, ONNX file and manifest; what is known of the student.

    Args:
        source: Where the student is from.
        finalist: Which.
        directory: Where it goes, an empty folder.
        profile: Where the delivered file is measured; None leaves it out.
        limit: What the delivered file is measured against.

    Raises:
        ExportError: ONNX Runtime does not compute what the student computes.
    """
    ranked = finalist.ranked
    facts = {
        "arch": dict(ranked.arch),
        "description": source.superlm.space.describe(ranked.arch),
        "space": source.superlm.space.name,
        "params": ranked.params,
        "macs": ranked.macs,
        "shared_loss": ranked.loss,
        "loss": finalist.loss,
        "distillers": source.settings.distillers,
        "teacher": source.teacher.source,
        **_weights(source.job),
        "data": source.job["data"],
    }
    onnx = directory / ONNX
    lengths = readable_lengths(finalist.model)
    deliver_text_student(
        directory, finalist.model.cpu(), source.teacher.tokenizer, facts, lengths=lengths
    )
    if profile is not None:
        refresh_manifest(directory, latency=time_texts({"fp32": onnx}, profile, lengths))
    timing = None if limit is None else limit.of_file(onnx)
    return {
        **facts,
        "latency_ms": None if timing is None else timing.latency.to_document(),
        "budget_met": timing is None or timing.is_met,
    }


def _weights(job: Mapping[str, Any]) -> dict[str, str | None]:
    """The file whose weights the teacher has instead of its own, and what it held in the training:
    None where that was not taken down."""
    if job["checkpoint"] is None:
        return {}
    return {
        "checkpoint": str(Path(job["checkpoint"]).absolute()),
        "checkpoint_sha256": job.get("checkpoint_sha256"),
    }
