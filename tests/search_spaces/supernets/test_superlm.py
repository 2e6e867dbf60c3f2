"""Students of a SuperLM are what transformers computes with slices of the teacher's weights."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from nas_kd.errors import UsageError
from search_spaces import Arch, create_space
from search_spaces.language_models import family_of, head_of
from search_spaces.supernets import Observation, SuperLM, Supernet, observe, states_of
from tests.contracts.search_space import draw
from tests.search_spaces.supernets.language import KINDS, LENGTH, batch, space_of, teacher


def tensors(seen: Observation) -> list[Tensor]:
    """Everything that was computed."""
    states = seen.states
    head = [seen.output.logits] if "logits" in seen.output else [seen.output.last_hidden_state]
    return [*head, *states.hidden, *states.queries, *states.keys, *states.values]


def assert_equal(found: Observation, wanted: Observation) -> None:
    for one, other in zip(tensors(found), tensors(wanted), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_extracted_students_compute_the_same(kind: str, padded: bool) -> None:
    model = teacher(kind)
    superlm = SuperLM(model, space_of(model)).eval()
    assert isinstance(superlm, Supernet)
    inputs = batch(padded)
    for arch in [*draw(superlm.space, 4), *superlm.space.anchors()]:
        student = superlm.extract(arch)
        assert not student.training
        assert_equal(observe(student, inputs), superlm(inputs, arch))
        assert head_of(student) == head_of(model)


@pytest.mark.parametrize("kind", KINDS)
def test_states_are_those_of_the_whole(kind: str) -> None:
    model = teacher(kind)
    superlm = SuperLM(model, space_of(model)).eval()
    for arch in draw(superlm.space, 2):
        for found in (
            superlm.states(batch(True), arch),
            states_of(superlm.extract(arch), batch(True)),
        ):
            wanted = superlm(batch(True), arch).states
            assert torch.equal(found.hidden[-1], wanted.hidden[-1])
            assert torch.equal(found.keys[-1], wanted.keys[-1])


@pytest.mark.parametrize("depth", ["stride-floor", "keep-last", "first"])
@pytest.mark.parametrize("name", ["autodistil-base", "autodistil-small", "autodistil-tiny"])
def test_with_narrowed_heads_too(name: str, depth: str) -> None:
    model = teacher("BertForMaskedLM")
    space = space_of(model, name, per_head=1)
    superlm = SuperLM(model, space, depth).eval()
    for arch in draw(space, 3):
        student = superlm.extract(arch)
        assert_equal(observe(student, batch(True)), superlm(batch(True), arch))
        stock = type(student).__module__.startswith("transformers.")
        assert stock == space.is_stock(arch)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("BertForMaskedLM", {}), ("BertForMaskedLM", {"per_head": 1}), ("LlamaForCausalLM", {})],
)
def test_students_are_the_leading_part_of_the_teacher(kind: str, options: dict[str, int]) -> None:
    """Row by row and column by column: each of their heads has channels of one of the teacher's."""
    model: Any = teacher(kind)
    family, space = family_of(model.config), space_of(model, **options)
    superlm, whole = SuperLM(model, space), model.base_model.get_submodule(family.layers)
    few_wide_heads = space.anchors()[0].replace(heads=space.shape(space.anchors()[1]).heads)
    for arch in (*draw(space, 6), *space.anchors(), few_wide_heads):
        shape, student = space.shape(arch), superlm.extract(arch)
        words, all_words = (one.get_input_embeddings().weight for one in (student, model))
        assert torch.equal(words, all_words[:, : shape.hidden])
        queries, keys = (
            [space.teacher.head_dim * head + c for head in range(n) for c in range(shape.head_dim)]
            for n in (shape.heads, shape.key_value_heads)
        )
        tokens, inner = list(range(shape.hidden)), list(range(shape.inner))
        parts = {
            family.names.query: (queries, tokens),
            family.names.key: (keys, tokens),
            family.names.value: (keys, tokens),
            family.names.out: (tokens, queries),
            **dict.fromkeys(family.names.inner, (inner, tokens)),
            family.names.outer: (tokens, inner),
        }
        layers: Any = student.base_model.get_submodule(family.layers)
        for layer, of in zip(layers, superlm.kept_layers(arch), strict=True):
            for name, (rows, columns) in parts.items():
                ours, theirs = layer.get_submodule(name), whole[of].get_submodule(name)
                assert torch.equal(ours.weight, theirs.weight[rows][:, columns])
                if ours.bias is not None:
                    assert torch.equal(ours.bias, theirs.bias[rows])


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_is_the_teacher(kind: str) -> None:
    model = teacher(kind)
    superlm = SuperLM(model, space_of(model)).eval()
    largest = superlm.space.anchors()[0]
    assert_equal(superlm(batch(True), largest), observe(model, batch(True)))
    student = superlm.extract(largest)
    assert type(student) is type(model)
    assert student.state_dict().keys() == model.state_dict().keys()


def test_one_student_after_another_is_as_alone() -> None:
    model = teacher()
    superlm = SuperLM(model, space_of(model)).eval()
    first, second = superlm.space.anchors()
    alone = SuperLM(model, space_of(model)).eval()(batch(), second)
    superlm(batch(), first)
    assert_equal(superlm(batch(), second), alone)


def test_slices_are_copies() -> None:
    model = teacher()
    superlm = SuperLM(model, space_of(model)).eval()
    before = copy.deepcopy(superlm.state_dict())
    for arch in superlm.space.anchors():
        with torch.no_grad():
            for weight in superlm.extract(arch).parameters():
                weight.zero_()
    assert all(torch.equal(weight, before[name]) for name, weight in superlm.state_dict().items())
    with torch.no_grad():
        superlm.model.embeddings.word_embeddings.weight.zero_()
    assert model.embeddings.word_embeddings.weight.any()


@pytest.mark.parametrize("per_head", [0, 1])
def test_gradients_reach_the_student_s_part_alone(per_head: int) -> None:
    model = teacher().requires_grad_(False)
    superlm = SuperLM(model, space_of(model, per_head=per_head))
    arch = Arch({"layers": 3, "hidden": 48, "heads": 6, "mlp": 20})
    shape = superlm.space.shape(arch)
    seen = superlm(batch(), arch)
    sum(part.square().mean() for part in tensors(seen)).backward()
    layer = superlm.model.encoder.layer[0]
    touched = layer.attention.self.query.weight.grad != 0
    rows = torch.zeros(12, 8, dtype=torch.bool)
    rows[: shape.heads, : shape.head_dim] = True
    assert torch.equal(touched.any(1), rows.flatten())
    assert torch.equal(touched.any(0), torch.arange(96) < 48)
    inner = layer.intermediate.dense.weight.grad != 0
    assert torch.equal(inner.any(1), torch.arange(384) < 96)
    dropped = superlm.model.encoder.layer[superlm.space.teacher.layers - 1]
    assert superlm.kept_layers(arch) == (0, 1, 2)
    assert all(weight.grad is None for weight in dropped.parameters())


def test_dropout_follows_the_mode() -> None:
    model = teacher()
    superlm = SuperLM(model, space_of(model)).train()
    arch = superlm.space.anchors()[1]
    first, second = (superlm(batch(), arch).states.hidden[-1] for _ in range(2))
    assert not torch.equal(first, second)
    superlm.eval()
    first, second = (superlm(batch(), arch).states.hidden[-1] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("kind", ["BertModel", "LlamaModel"])
def test_queries_and_keys_give_the_attention(kind: str) -> None:
    """Also of a decoder, whose positions are rotated in and whose heads share keys."""
    model = teacher(kind, attn_implementation="eager")
    inputs = batch(True)
    seen = observe(model, inputs)
    attentions = model(**inputs, output_attentions=True).attentions
    hidden = {"layers": 5, "states": 4}
    assert len(seen.states.hidden) == hidden["layers"]
    assert len(seen.states.queries) == hidden["states"]
    assert seen.states.mask.dtype == torch.bool
    real = seen.states.mask
    seen_by_each = real[:, None, None].expand(-1, -1, LENGTH, -1)
    if seen.states.causal:
        seen_by_each = seen_by_each & torch.ones(LENGTH, LENGTH).tril().bool()
    for layer, attention in enumerate(attentions):
        scores = seen.states.attention_scores(layer).masked_fill(~seen_by_each, -torch.inf)
        found = scores.softmax(-1).transpose(1, 2)  # batch, token, head, token
        torch.testing.assert_close(found[real], attention.transpose(1, 2)[real])


def test_inputs_without_a_mask_are_whole() -> None:
    seen = observe(teacher(), {"input_ids": batch()["input_ids"]})
    assert seen.states.mask.all()
    assert not seen.states.causal
    assert observe(teacher("LlamaModel"), batch()).states.causal


def test_the_teacher_is_left_as_it_was() -> None:
    model = teacher()
    hooks = sum(len(part._forward_hooks) for part in model.modules())
    observe(model, batch())
    own = sum(len(part._forward_hooks) for part in model.modules())
    observe(model, batch())
    assert sum(len(part._forward_hooks) for part in model.modules()) == own
    assert own - hooks <= 4 * 2  # transformers' own, one a layer and one an attention


def test_weights_keep_their_type() -> None:
    model = teacher().to(torch.bfloat16)
    superlm = SuperLM(model, space_of(model)).eval()
    arch = superlm.space.anchors()[1]
    assert superlm(batch(), arch).states.hidden[-1].dtype == torch.bfloat16
    assert superlm.extract(arch).dtype == torch.bfloat16


def test_a_space_of_another_teacher_is_refused() -> None:
    with pytest.raises(UsageError, match=r"cut from a bert of .*layers=12"):
        SuperLM(teacher(), create_space("autodistil"))
    with pytest.raises(UsageError, match="the teacher is a llama"):
        SuperLM(teacher("LlamaModel"), space_of(teacher()))
    with pytest.raises(UsageError, match="no depth rule"):
        SuperLM(teacher(), space_of(teacher()), "last")


def test_models_of_unknown_families_are_refused() -> None:
    from transformers import GPT2Config, GPT2Model

    with pytest.raises(UsageError, match="gpt2 is of no known family"):
        observe(GPT2Model(GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=9)), batch())


def test_heads_that_there_is_no_own_width_for_are_named() -> None:
    model = teacher("BertModel")
    superlm = SuperLM(model, space_of(model))
    from transformers import BertForTokenClassification

    superlm.model = BertForTokenClassification(model.config)
    narrow = superlm.space.anchors()[0].replace(heads=3)
    with pytest.raises(UsageError, match="no BertForTokenClassification with its own width"):
        superlm.extract(narrow)
