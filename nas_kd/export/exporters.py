"""The two ONNX exporters of torch, tried in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from torch import Tensor, nn

from nas_kd.errors import ExportError, first_line
from nas_kd.export.quiet import quiet

BATCH = "batch"
DEFAULT_OPSET = 18
"""Written natively by both exporters of torch, and read by ONNX Runtime since 1.14."""

TRACED_BATCH = 2
"""A batch of one may be frozen into the graph."""


def export_graph(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    output: str,
    opset: int,
    axes: Mapping[str, Sequence[str]] | None = None,
) -> onnx.ModelProto:
    """The module as an ONNX graph with dynamic axes; weights are inside.

    The tracing exporter of torch is tried first: on torch 2.14 it took 0.06 to 1.1 s where the
    ``torch.export`` based one took 4 to 9 s (a small CNN to ResNet-18 and ViT-Tiny), and files of
    both run equally fast. What it cannot write, the second one is given.

    Args:
        module: In eval mode; ``forward(*inputs)`` returns one tensor. Batch is the first dimension
            of every tensor.
        inputs: Example tensors by the names they get in the graph, with a batch of two or more.
        output: Name of the output.
        opset: Version of the ONNX operator set.
        axes: Names of the leading axes that are dynamic, by the name of the tensor; by default
            ``batch`` of all.

    Raises:
        ExportError: No exporter can write the module, with both reasons.
    """
    axes = axes or dict.fromkeys((*inputs, output), (BATCH,))
    exporters: dict[str, Callable[..., None]] = {"tracing": _trace, "torch.export": _capture}
    reasons = []
    for name, exporter in exporters.items():
        with TemporaryDirectory(prefix="nas-kd-") as folder:
            file = Path(folder) / "model.onnx"
            try:
                with quiet():
                    exporter(module, inputs, output, file, opset, axes)
                return _checked(file, list(inputs), output, axes)
            except Exception as error:
                reasons.append(f"{name}: {type(error).__name__}, {first_line(error)}")
    raise ExportError("; ".join(reasons))


def _trace(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    output: str,
    file: Path,
    opset: int,
    axes: Mapping[str, Sequence[str]],
) -> None:
    torch.onnx.export(
        module,
        tuple(inputs.values()),
        str(file),
        input_names=list(inputs),
        output_names=[output],
        dynamic_axes={name: dict(enumerate(names)) for name, names in axes.items()},
        opset_version=opset,
        dynamo=False,
    )


def _capture(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    output: str,
    file: Path,
    opset: int,
    axes: Mapping[str, Sequence[str]],
) -> None:
    known = {name for names in axes.values() for name in names}
    sizes = {name: torch.export.Dim(name, min=1) for name in sorted(known)}
    torch.onnx.export(
        _ByPosition(module),
        tuple(inputs.values()),
        str(file),
        input_names=list(inputs),
        output_names=[output],
        dynamic_shapes=(
            tuple({at: sizes[axis] for at, axis in enumerate(axes[name])} for name in inputs),
        ),
        opset_version=opset,
        dynamo=True,
        external_data=False,
        verbose=False,
    )


class _ByPosition(nn.Module):
    """Takes its tensors as one tuple, whatever the names are: dynamic shapes follow that form."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *tensors: Tensor) -> Tensor:
        output: Tensor = self.module(*tensors)
        return output


def _checked(
    file: Path, inputs: list[str], output: str, axes: Mapping[str, Sequence[str]]
) -> onnx.ModelProto:
    """The model, once ONNX's checker accepts it and its ends are named as promised."""
    onnx.checker.check_model(str(file))
    model = onnx.load(str(file))
    ends = [[value.name for value in values] for values in (model.graph.input, model.graph.output)]
    if ends != [inputs, [output]]:
        raise ExportError(f"the graph has inputs {ends[0]} and outputs {ends[1]}")
    for value in model.graph.input:
        named = [size.dim_param for size in value.type.tensor_type.shape.dim]
        for axis, found in zip(axes[value.name], named, strict=False):
            if axis != found:
                raise ExportError(f"the {axis} was frozen into the graph")
    _strip_traces(model.graph)
    return model


def _strip_traces(graph: onnx.GraphProto) -> None:
    """Removes where in the source an operator came from: paths of this machine, and bulk."""
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
