"""Writing a module as one ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from torch import Tensor, nn

from nas_kd.costs.evaluating import evaluating, example_images
from nas_kd.costs.logits import LogitsOnly
from nas_kd.errors import ExportError, NasKdError, UsageError, first_line
from nas_kd.export.exporters import DEFAULT_OPSET, TRACED_BATCH, export_graph
from nas_kd.whole_files import replaced

INPUT = "images"
OUTPUT = "logits"


def export_onnx(
    module: nn.Module,
    task_input_shape: tuple[int, ...],
    path: Path,
    *,
    opset: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Writes the module in eval mode: input ``images``, output ``logits``, dynamic axis ``batch``.

    The tracing exporter of torch writes it, and where it cannot the one based on ``torch.export``;
    see `export_graph`. Weights are always inside the file. An existing file is replaced only by a
    complete one; the module is left as it was.

    Args:
        module: Takes images ``(batch, channels, height, width)``; returns logits, or a mapping,
            tuple or object that holds them.
        task_input_shape: ``(channels, height, width)``.
        path: The file to write; its folder must exist.
        opset: Version of the ONNX operator set, 18 by default.
        metadata: What the file says of itself, by name.

    Returns:
        ``path``.

    Raises:
        ExportError: No exporter can write the module, with both reasons.
        UsageError: The module does not accept images of that shape.
    """
    path = Path(path)
    images = example_images(module, TRACED_BATCH, task_input_shape)
    with evaluating(module):
        _try_forward(module, images)
        try:
            model = export_graph(
                LogitsOnly(module), {INPUT: images}, OUTPUT, opset or DEFAULT_OPSET
            )
        except ExportError as error:
            raise ExportError(
                f"export: {type(module).__name__} cannot be written as ONNX ({error}).",
                "Replace the operator that is named, or choose another space.",
            ) from error
    for name, text in (metadata or {}).items():
        model.metadata_props.add(key=name, value=text)
    write_model(model, path)
    return path


def onnx_facts(path: Path) -> dict[str, Any]:
    """How a file was written: ``opset``, ``ir_version``, ``producer``, ``bytes``, ``metadata``."""
    model = onnx.load(str(path), load_external_data=False)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    return {
        "opset": opsets.get("", opsets.get("ai.onnx")),
        "ir_version": model.ir_version,
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "bytes": path.stat().st_size,
        "metadata": {entry.key: entry.value for entry in model.metadata_props},
    }


def _try_forward(module: nn.Module, images: Tensor) -> None:
    try:
        logits = LogitsOnly(module)(images)
    except NasKdError:
        raise
    except Exception as error:
        raise UsageError(
            f"export: {type(module).__name__} does not accept images of shape "
            f"{tuple(images.shape)} ({first_line(error)}). Check the input shape."
        ) from error
    if logits.dim() == 0 or logits.shape[0] != images.shape[0]:
        raise UsageError(
            f"export: {type(module).__name__} returned shape {tuple(logits.shape)} for "
            f"{images.shape[0]} images; the first dimension must be the batch."
        )


def write_model(model: onnx.ModelProto, path: Path) -> None:
    """Writes the model whole, or leaves the file at ``path`` as it was.

    Raises:
        ExportError: The folder does not exist or cannot be written to.
    """
    try:
        with replaced(path) as draft:
            onnx.save(model, str(draft))
    except OSError as error:
        raise ExportError(
            f"export: {path} cannot be written ({error}). Choose a folder that exists and that "
            "you may write to."
        ) from error
