"""Shapes of all tensors in an ONNX graph whose inputs have fixed sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, TypeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.shape_inference import infer_node_outputs

Shape = tuple[int, ...]
Shapes = dict[str, Shape]

_MOST_ELEMENTS = 4096
"""Largest tensor whose values are followed."""

_NAMES = (
    "Abs Add And Cast Ceil Concat ConstantOfShape Div Equal Expand Flatten Floor Gather Greater "
    "GreaterOrEqual Identity Less LessOrEqual Max Min Mod Mul Neg Not Or Range ReduceMax ReduceMin "
    "ReduceProd ReduceSum Reshape Size Slice Split Sqrt Squeeze Sub Transpose Unsqueeze Where"
)
_FOLLOWED = frozenset(_NAMES.split())
"""Operators that exporters compute sizes with, and whose values are followed."""


def tensor_shapes(model: ModelProto) -> Shapes:
    """Shapes by tensor, node by node; tensors of unknown size are missing.

    ONNX's own inference over a whole graph loses track where sizes are computed in the graph, as
    exporters do for models of tokens. Here every small tensor that depends on sizes alone is
    computed along the way, so that what is reshaped or sliced by it has a known size as well.

    Args:
        model: Its inputs have fixed sizes, and its functions are inlined. Only operators of the
            ONNX standard are looked into.

    Raises:
        ValueError: The data of a constant does not fit its type and dimensions.
    """
    facts = _Facts(model)
    for node in model.graph.node:
        facts.follow(node)
    return {
        name: shape for name, kind in facts.types.items() if (shape := _fixed(kind)) is not None
    }


class _Facts:
    """What is known of the tensors that have been met: their types, and values of small ones."""

    def __init__(self, model: ModelProto) -> None:
        graph = model.graph
        self.opsets = list(model.opset_import)
        versions = {entry.domain: entry.version for entry in self.opsets}
        self.version = versions.get("", versions.get("ai.onnx", 1))
        self.values: dict[str, np.ndarray] = {}
        self.stated = {value.name: value.type for value in (*graph.value_info, *graph.output)}
        self.types: dict[str, TypeProto] = {value.name: value.type for value in graph.input}
        for tensor in graph.initializer:
            self._keep(tensor.name, tensor)

    def follow(self, node: NodeProto) -> None:
        """Adds what the node's outputs are."""
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    self._keep(node.output[0], attribute.t)
        for name, kind in self._infer(node).items():
            self.types.setdefault(name, kind)
        for name in node.output:
            if name in self.stated and _fixed(self.types.get(name)) is None:
                self.types[name] = self.stated[name]
        for name, value in self._compute(node):
            self.values[name] = value
            self.types[name] = helper.make_tensor_type_proto(
                helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
            )

    def _keep(self, name: str, tensor: TensorProto) -> None:
        self.types[name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        external = tensor.data_location == TensorProto.EXTERNAL
        if math.prod(tensor.dims) <= _MOST_ELEMENTS and not external:
            self.values[name] = _read(name, tensor)

    def _infer(self, node: NodeProto) -> dict[str, TypeProto]:
        names = [name for name in node.input if name]
        if not is_standard(node) or any(name not in self.types for name in names):
            return {}
        kinds = {name: self.types[name] for name in names}
        known = [name for name in names if name in self.values]
        values = {name: numpy_helper.from_array(self.values[name]) for name in known}
        try:
            schema = onnx.defs.get_schema(node.op_type, self.version, "")
            return dict(infer_node_outputs(schema, node, kinds, values, opset_imports=self.opsets))
        except Exception:
            return {}

    def _compute(self, node: NodeProto) -> Iterator[tuple[str, np.ndarray]]:
        """Values of the node's outputs, where they are small and depend on sizes alone."""
        if not is_standard(node):
            return
        if node.op_type == "Shape":
            shape = _fixed(self.types.get(node.input[0]))
            if shape is not None:
                limits = {attribute.name: attribute.i for attribute in node.attribute}
                part = shape[slice(limits.get("start"), limits.get("end"))]
                yield node.output[0], np.array(part, np.int64)
        elif node.op_type in _FOLLOWED and all(self._is_small(name) for name in node.output):
            names = [name for name in node.input if name]
            if all(name in self.values for name in names):
                yield from self._evaluate(node, {name: self.values[name] for name in names})

    def _is_small(self, name: str) -> bool:
        shape = _fixed(self.types.get(name))
        return shape is not None and math.prod(shape) <= _MOST_ELEMENTS

    def _evaluate(
        self, node: NodeProto, values: dict[str, np.ndarray]
    ) -> Iterator[tuple[str, np.ndarray]]:
        ends = [
            [helper.make_value_info(name, self.types[name]) for name in names]
            for names in (values, node.output)
        ]
        graph = helper.make_graph([node], "node", *ends)
        try:
            results = ReferenceEvaluator(graph, opsets={"": self.version}).run(None, values)
        except Exception:
            return
        yield from zip(node.output, map(np.asarray, results), strict=True)


def _read(name: str, tensor: TensorProto) -> np.ndarray:
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except Exception as error:
        raise ValueError(f"constant {name!r}: {error}") from error


def is_standard(node: NodeProto) -> bool:
    """Whether the node's operator is one of the ONNX standard."""
    return node.domain in ("", "ai.onnx")


def _fixed(kind: TypeProto | None) -> Shape | None:
    """The shape, where it is a tensor's and every size is known."""
    if kind is None or not kind.tensor_type.HasField("shape"):
        return None
    sizes = kind.tensor_type.shape.dim
    if any(size.WhichOneof("value") != "dim_value" for size in sizes):
        return None
    return tuple(size.dim_value for size in sizes)
