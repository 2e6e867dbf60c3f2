"""Importance of heads and channels, and teachers sorted by it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from nas_kd.errors import UsageError
from search_spaces.language_models import family_of
from search_spaces.supernets import (
    Importance,
    SuperLM,
    activation_importance,
    gradient_importance,
    observe,
    sort_by_importance,
)
from tests.search_spaces.supernets.language import batch, space_of, teacher

KINDS = ["BertForMaskedLM", "LlamaForCausalLM"]


def of_logits(output: Any, _batch: object) -> Tensor:
    """A loss."""
    loss: Tensor = output.logits.square().mean()
    return loss


def importance_of(model: PreTrainedModel, rule: str) -> Importance:
    batches = [batch(True), batch(size=2)]
    if rule == "activation":
        return activation_importance(model, batches)
    return gradient_importance(model, batches, of_logits)


@pytest.mark.parametrize("rule", ["activation", "gradient"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_sorted_teacher_computes_the_same(kind: str, rule: str) -> None:
    model = teacher(kind)
    wanted = model(**batch(True)).logits
    found = importance_of(model, rule)
    sort_by_importance(model, found)
    torch.testing.assert_close(model(**batch(True)).logits, wanted)
    sorted_anew = importance_of(model, rule)
    for before, after in ((found.heads, sorted_anew.heads), (found.mlp, sorted_anew.mlp)):
        assert not torch.equal(before, before.sort(descending=True).values)
        torch.testing.assert_close(after, before.sort(descending=True).values)


def test_students_of_a_sorted_teacher_have_its_important_parts() -> None:
    model = teacher("BertForMaskedLM")
    superlm = SuperLM(model, space_of(model))
    arch = superlm.space.anchors()[0].replace(heads=3, mlp=10)
    found = importance_of(model, "gradient")
    queries = observe(model, batch()).states.queries[0]
    sort_by_importance(model, found)
    student = SuperLM(model, space_of(model)).eval()(batch(), arch)
    best = found.heads[0].argsort(descending=True)[:3]
    torch.testing.assert_close(student.states.queries[0], queries[:, best])


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_by_a_factor_on_a_head(kind: str) -> None:
    model = teacher(kind).double()
    family = family_of(model.config)
    shape = family.shape(model.config)
    inputs = batch(True)
    found = gradient_importance(model, [inputs], of_logits)
    layer = model.base_model.get_submodule(family.layers)[1]
    width = shape.queries // shape.key_value_heads
    for head in range(shape.key_value_heads):
        losses = []
        for factor in (1 - 1e-3, 1 + 1e-3):
            factors = torch.ones(shape.queries, dtype=torch.float64)
            factors[head * width : (head + 1) * width] = factor
            hook = layer.get_submodule(family.names.out).register_forward_pre_hook(
                lambda _part, args, factors=factors: (args[0] * factors,)
            )
            losses.append(of_logits(model(**inputs), inputs))
            hook.remove()
        slope = (losses[1] - losses[0]).abs() / 2e-3
        torch.testing.assert_close(found.heads[1, head], slope, rtol=1e-2, atol=1e-6)


def test_gradients_of_channels_are_sums_of_weights_times_gradients() -> None:
    model = teacher("BertForMaskedLM").double()
    found = gradient_importance(model, [batch()], of_logits)
    model.zero_grad()
    of_logits(model(**batch()), None).backward()
    layer = model.bert.encoder.layer[2]
    first, second = layer.intermediate.dense, layer.output.dense
    made = (first.weight * first.weight.grad).sum(1) + first.bias * first.bias.grad
    read = (second.weight * second.weight.grad).sum(0)
    torch.testing.assert_close(found.mlp[2], made.abs() + read.abs())


def test_padding_does_not_count() -> None:
    model = teacher()
    inputs = batch(True)
    short = {name: part[:1, :6] for name, part in batch().items()}
    padded = {name: part[:1].clone() for name, part in batch().items()}
    padded["attention_mask"][:, 6:] = 0
    found, wanted = (activation_importance(model, [part]) for part in (padded, short))
    torch.testing.assert_close(found.heads, wanted.heads)
    torch.testing.assert_close(found.mlp, wanted.mlp)
    assert found.heads.shape == (4, 12)
    assert activation_importance(model, [inputs]).mlp.shape == (4, 384)


def test_the_model_is_left_as_it_was() -> None:
    model = teacher("BertForMaskedLM").train()
    wanted = importance_of(model, "gradient")
    model.requires_grad_(False)
    importance_of(model, "activation")
    assert torch.equal(importance_of(model, "gradient").heads, wanted.heads)
    assert not any(weight.requires_grad for weight in model.parameters())
    assert all(part.training for part in model.modules())
    assert all(weight.grad is None for weight in model.parameters())
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_no_data_no_importance() -> None:
    with pytest.raises(UsageError, match="there was no batch"):
        activation_importance(teacher(), [])
