"""Features of archs: what they count is what ONNX Runtime runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from nas_kd.costs.arch_encoding import ArchEncoder
from nas_kd.export import export_onnx
from search_spaces import CifarResNet, NasBench201, SearchSpace, Task, glue_operators

TASK = Task(in_channels=3, image_size=8, num_classes=10)
SPACE = NasBench201(channels=4, cells_per_stage=1)
STAGES = 3


def _run_operators(cells_per_stage: int, index: int, folder: Path) -> Counter[str]:
    """What ONNX Runtime runs, with convolutions that hold a sum counted as ``fused_additions``."""
    space = NasBench201(channels=16, cells_per_stage=cells_per_stage)
    raw, optimised = folder / "raw.onnx", folder / "optimised.onnx"
    arch = space.canonical(space.arch_at(index))
    export_onnx(space.build(arch, TASK).eval(), TASK.input_shape, raw)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(optimised)
    onnxruntime.InferenceSession(str(raw), options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(optimised).graph.node
    holds_sum = [node.op_type == "Conv" and len(node.input) > 3 for node in nodes]
    return Counter(
        "fused_additions" if fused else node.op_type
        for node, fused in zip(nodes, holds_sum, strict=True)
    )


@pytest.mark.parametrize("index", [77, 1234, 5000, 9930, 11111])
def test_glue_operators_are_those_that_onnx_runtime_runs(index: int, tmp_path: Path) -> None:
    """One more cell in each of the three stages adds three times what a cell is said to run."""
    found = _run_operators(3, index, tmp_path)
    found.subtract(_run_operators(2, index, tmp_path))
    glue = glue_operators(SPACE, SPACE.arch_at(index))
    assert found["Add"] == STAGES * glue["additions"]
    assert found["Relu"] == STAGES * glue["activations"]
    assert found["fused_additions"] == STAGES * glue["fused_additions"]


@pytest.mark.parametrize("space", [SPACE, CifarResNet()], ids=lambda space: space.name)
def test_features_have_one_length_and_begin_with_the_sizes(space: SearchSpace) -> None:
    encoder = ArchEncoder(space)
    rows = [encoder.encode(arch, {"macs": 7.0, "params": 5.0}) for arch in space.anchors()]
    assert {row.shape for row in rows} == {rows[0].shape}
    assert all(row[:2].tolist() == [7.0, 5.0] for row in rows)


def test_isomorphic_cells_have_the_same_features() -> None:
    texts = (
        "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
        "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
    )
    encoder = ArchEncoder(SPACE)
    one, other = (encoder.encode(SPACE.parse(t), {"macs": 1.0, "params": 1.0}) for t in texts)
    np.testing.assert_array_equal(one, other)
