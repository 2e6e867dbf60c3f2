"""Whether 8-bit products overflow on this CPU."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

_DEPTH, _ROWS, _COLUMNS = 64, 16, 16
_LARGEST = (255, 127)


@cache
def products_saturate() -> bool:
    """Whether ONNX Runtime loses bits when it multiplies uint8 by int8 on this CPU.

    x86 without VNNI adds pairs of such products in 16 bits: twice 255 * 127 is 64,770, and 32,767
    is kept. Instead of a list of processors, one product of matrices of the largest values is
    computed and compared with what it should be.
    """
    session = onnxruntime.InferenceSession(_product(), providers=["CPUExecutionProvider"])
    activations = np.full((_ROWS, _DEPTH), _LARGEST[0], np.uint8)
    (found,) = session.run(None, {"activations": activations})
    return bool((found != _DEPTH * _LARGEST[0] * _LARGEST[1]).any())


def _product() -> bytes:
    """A model of one integer matrix product with constant weights."""
    weights = np.full((_DEPTH, _COLUMNS), _LARGEST[1], np.int8)
    ends = [
        helper.make_tensor_value_info("activations", TensorProto.UINT8, [_ROWS, _DEPTH]),
        helper.make_tensor_value_info("sums", TensorProto.INT32, [_ROWS, _COLUMNS]),
    ]
    node = helper.make_node("MatMulInteger", ["activations", "weights"], ["sums"])
    graph = helper.make_graph(
        [node], "product", ends[:1], ends[1:], [numpy_helper.from_array(weights, "weights")]
    )
    opset = helper.make_opsetid("", 17)
    model: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    return model
