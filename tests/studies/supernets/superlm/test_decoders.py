"""Decoders stay decoders: students write, and cost what is delivered of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from nas_kd.costs import Budget, count_macs
from nas_kd.costs.tokens import example_tokens
from nas_kd.export.running import open_onnx
from nas_kd.training.superlm import teacher_sizes
from search_spaces import Sizes
from studies.observer import SilentObserver
from studies.supernets.superlm import Source
from studies.supernets.superlm_search import SuperLMSearch, search_superlm
from tests.studies.supernets.superlm.runs import trained_superlm
from tests.training.language_models import small_llama

LENGTH = 12
SETTINGS = {
    "tied": ("distillers=autodistil_mse,word_kd", "importance=activation"),
    "own": ("distillers=word_kd",),
    "none": ("distillers=autodistil_mse,last_hidden", "importance=activation"),
}


def counted(model: torch.nn.Module) -> Sizes:
    record = count_macs(model, example_tokens(model, 1, LENGTH))
    return Sizes(record.macs, record.params)


@pytest.mark.parametrize("kind", ["tied", "own", "none"])
def test_from_a_decoder_to_its_students(tmp_path: Path, kind: str) -> None:
    teacher = small_llama(tie_word_embeddings=kind == "tied")
    if kind == "none":
        teacher = teacher.model
    run = trained_superlm(tmp_path, *SETTINGS[kind], model=teacher, space="autodistil-decoder")
    source = Source(run, LENGTH)
    assert teacher_sizes(source.superlm.space, source.task) == counted(source.teacher.model)
    assert counted(source.teacher.model) == counted(teacher)
    search = SuperLMSearch(Budget.parse("macs=40%"), top=2 if kind == "tied" else 1, length=LENGTH)
    found = search_superlm(run, search, tmp_path / "found", SilentObserver())
    for student in found["students"]:
        (output,) = open_onnx(Path(student["onnx"])).get_outputs()
        assert output.name == ("last_hidden_state" if kind == "none" else "logits")
        if kind != "none":
            model = AutoModelForCausalLM.from_pretrained(student["directory"])
            assert isinstance(model, LlamaForCausalLM)
            assert counted(model) == Sizes(student["macs"], student["params"])
            assert counted(model).macs <= 0.4 * counted(teacher).macs
            written = model.generate(torch.tensor([[5, 6, 7]]), max_new_tokens=4, do_sample=False)
            assert 3 < written.shape[1] <= 7
