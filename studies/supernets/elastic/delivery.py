"""A network of an elastic supernet as a checked student on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas_kd.export import Preprocess, export_checked, save_student, write_manifest
from nas_kd.export.file_names import ONNX
from nas_kd.machine_lock import machine_shared
from nas_kd.training import evaluate_accuracy
from nas_kd.training.elastic.student import classifier_of
from studies.supernets.elastic.latency import ImageLatencyLimit
from studies.supernets.elastic.ranking import RankedNetwork
from studies.supernets.elastic.source import Source


def deliver(
    source: Source,
    network: RankedNetwork,
    directory: Path,
    *,
    seed: int,
    limit: ImageLatencyLimit | None,
) -> dict[str, Any]:
    """Writes weights, configuration, ONNX file and manifest; what is known of the student.

    Args:
        source: Where the network is from.
        network: Which.
        directory: Where it goes, an empty folder.
        seed: Of the linear probe of supernets without classifier, and of the check.
        limit: What the delivered file is measured against.

    Raises:
        ExportError: ONNX Runtime does not compute what the student computes.
    """
    space, data = source.supernet.space, source.data
    with machine_shared():
        module = classifier_of(source.supernet, network.arch, data, seed=seed)
        reached = evaluate_accuracy(module, data.final)
    accuracy = {"shared_accuracy": network.accuracy, "accuracy": reached}
    module = module.cpu()
    costs = {"macs": network.macs, "params": network.params}
    save_student(
        directory,
        module=module,
        space_name=source.space_name,
        space_options=source.space_options,
        arch=network.arch,
        task=source.task,
        classes=data.classes,
        mean=data.mean,
        std=data.std,
        provenance={
            "supernet": source.job["method"],
            "data": source.data_name,
            "blocks": space.blocks(network.arch),
            "scaled": source.supernet.scaled,
        },
    )
    onnx = directory / ONNX
    shape = source.task.input_shape
    metadata = Preprocess(shape, data.mean, data.std).metadata(data.classes)
    parity = export_checked(module, shape, onnx, seed=seed, metadata=metadata)
    timing = None if limit is None else limit.judged(onnx)
    write_manifest(
        directory,
        costs=costs,
        latency=None if timing is None else timing.latency,
        parity=parity,
        accuracy=accuracy,
        seeds={"probe": seed},
        extra={"pretraining": source.job, "accuracy_split": data.final_split},
    )
    return {
        "arch": dict(network.arch),
        "description": space.describe(network.arch),
        **costs,
        **accuracy,
        "latency_ms": None if timing is None else timing.latency.to_document(),
        "budget_met": timing is None or timing.is_met,
    }
