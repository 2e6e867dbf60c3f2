"""The batch of an ONNX graph: the first dimension of its inputs and outputs."""

from __future__ import annotations

from pathlib import Path

from onnx import GraphProto, NodeProto, ValueInfoProto

from nas_kd.costs.onnx_shapes import Shapes
from nas_kd.errors import UsageError

_CONVOLUTIONS = {"Conv", "ConvInteger", "ConvTranspose", "QLinearConv"}
_RECURRENCES = {"GRU", "LSTM", "RNN"}


def graph_inputs(graph: GraphProto) -> list[ValueInfoProto]:
    """What a caller gives: the inputs without the weights that old files list among them."""
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def set_batch_of_one(graph: GraphProto, path: Path) -> None:
    """Sets the symbolic first dimension of the inputs to one, wherever its name occurs.

    Raises:
        UsageError: Another dimension of an input is symbolic.
    """
    names = set()
    for value in graph_inputs(graph):
        for position, dimension in enumerate(value.type.tensor_type.shape.dim):
            if dimension.dim_value > 0:
                continue
            if position > 0:
                raise UsageError(
                    f"onnx: input {value.name!r} of {path} has no fixed size in dimension "
                    f"{position}, so its MACs depend on the input. Export it with fixed sizes "
                    "(only the batch may vary); of a student of text, name its directory instead."
                )
            names.add(dimension.dim_param)
            dimension.dim_value = 1
    for value in (*graph.value_info, *graph.output):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param and dimension.dim_param in names:
                dimension.dim_value = 1


def batch_size(graph: GraphProto, shapes: Shapes) -> int:
    """The batch to which a graph is fixed: the first dimension of all inputs and outputs.

    It is 1 where they share none, where an input is a vector or a number, or where a convolution or
    recurrence takes its own batch from another dimension: then the first one counts channels or
    steps.
    """
    given = [shapes.get(value.name, ()) for value in graph_inputs(graph)]
    results = [shapes[value.name] for value in graph.output if value.name in shapes]
    sizes = {shape[0] if len(shape) > 1 else 1 for shape in given}
    sizes |= {shape[0] if shape else 1 for shape in results}
    if len(sizes) > 1 or not results:
        return 1
    (size,) = sizes
    own = (_own_batch(node, shapes) for node in graph.node)
    return size if all(batch % size == 0 for batch in own if batch is not None) else 1


def _own_batch(node: NodeProto, shapes: Shapes) -> int | None:
    """The batch of a node whose operator says where it is; None for all others."""
    if node.op_type in _CONVOLUTIONS:
        position = 0
    elif node.op_type in _RECURRENCES:
        batch_first = any(a.name == "layout" and a.i for a in node.attribute)
        position = 0 if batch_first else 1
    else:
        return None
    shape = shapes.get(next(iter(node.input), ""), ())
    return shape[position] if len(shape) > position else None
