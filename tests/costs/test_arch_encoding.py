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
from search_spaces import Arch, CifarResNet, NasBench201, SearchSpace, Task, glue_operators

TASK = Task(in_channels=3, image_size=8, num_classes=10)
SPACE = NasBench201(channels=4, cells_per_stage=1)
STAGES = 3


def _executed_operators(arch: Arch, folder: Path) -> Counter[str]:
    """Operators of the student once ONNX Runtime has merged what computes the same."""
    raw, merged = folder / "raw.onnx", folder / "merged.onnx"
    export_onnx(SPACE.build(SPACE.canonical(arch), TASK).eval(), TASK.input_shape, raw)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(merged)
    onnxruntime.InferenceSession(str(raw), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(merged).graph.node)


@pytest.mark.parametrize("index", [77, 1234, 9930])
def test_additions_and_activations_are_those_that_run(index: int, tmp_path: Path) -> None:
    arch, bare = SPACE.arch_at(index), SPACE.anchors()[1]  # the bare one passes its input on
    glue = glue_operators(SPACE, arch)
    found = _executed_operators(arch, tmp_path)
    found.subtract(_executed_operators(bare, tmp_path))
    assert found["Add"] == STAGES * glue["additions"]
    assert found["Relu"] == STAGES * glue["activations"]


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
