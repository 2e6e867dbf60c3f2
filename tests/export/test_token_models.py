"""A model that reads tokens as an ONNX file computes what PyTorch computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from nas_kd.costs import count_macs
from nas_kd.costs.onnx_macs import count_onnx
from nas_kd.costs.tokens import example_tokens
from nas_kd.errors import UsageError
from nas_kd.export.token_models import export_tokens
from tests.costs.test_macs_of_tokens import ENCODER, GPT2, LLAMA, T5, build

LENGTH = 6


@pytest.mark.parametrize(
    ("name", "settings", "output"),
    [
        ("BertForSequenceClassification", ENCODER, "logits"),
        (
            "DistilBertModel",
            {"vocab_size": 50, "dim": 16, "n_layers": 1, "n_heads": 2},
            "last_hidden_state",
        ),
        ("GPT2LMHeadModel", GPT2, "logits"),
        ("LlamaForCausalLM", LLAMA, "logits"),
        ("T5ForConditionalGeneration", T5, "logits"),
    ],
)
def test_the_file_computes_what_the_module_computes(
    name: str, settings: dict[str, Any], output: str, tmp_path: Path
) -> None:
    module = build(name, settings)
    path = export_tokens(module, LENGTH, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_outputs()] == [output]
    assert session.get_inputs()[0].shape == ["batch", LENGTH]
    generator = torch.Generator().manual_seed(0)
    for batch in (1, 3):
        inputs = example_tokens(module, batch, LENGTH)
        for key in inputs.keys() - {"attention_mask"}:
            inputs[key] = torch.randint(3, 50, (batch, LENGTH), generator=generator)
        inputs["attention_mask"][:, 4:] = 0
        with torch.no_grad():
            expected = module(**inputs)[output].numpy()
        (found,) = session.run(None, {key: value.numpy() for key, value in inputs.items()})
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_one_file_that_counts_the_same(tmp_path: Path) -> None:
    module = build("BertForSequenceClassification", ENCODER)
    path = export_tokens(module, LENGTH, tmp_path / "model.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert count_onnx(path).macs == count_macs(module, example_tokens(module, 1, LENGTH)).macs
    assert not any(node.doc_string for node in onnx.load(str(path)).graph.node)


def test_the_module_is_left_as_it_was(tmp_path: Path) -> None:
    module = build("GPT2LMHeadModel", GPT2).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    export_tokens(module, LENGTH, tmp_path / "model.onnx")
    assert all(part.training for part in module.modules())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_what_reads_no_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="vocab_size"):
        export_tokens(nn.Linear(2, 2), LENGTH, tmp_path / "model.onnx")
    long = build("BertModel", ENCODER)
    with pytest.raises(UsageError, match="length of the sequences"):
        export_tokens(long, 33, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
