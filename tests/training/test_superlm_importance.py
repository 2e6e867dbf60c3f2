"""Teachers that are sorted before students are cut from them."""

from __future__ import annotations

import copy

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from nas_kd.errors import UsageError
from nas_kd.training.superlm.importance import put_important_first, sort_as_before
from search_spaces.supernets import Importance, activation_importance, sort_by_importance
from tests.training.language_models import sequences, small_bert


def test_important_parts_come_first() -> None:
    model, text = small_bert(), sequences()
    batches = [text.batch(part) for part in torch.arange(len(text)).split(8)]
    found = put_important_first(model, "activation", text, seed=0)
    assert found is not None
    after = activation_importance(model, batches)
    for before, now in ((found.heads, after.heads), (found.mlp, after.mlp)):
        torch.testing.assert_close(now, before.sort(descending=True).values)


def test_gradients_find_what_the_last_states_depend_on() -> None:
    """They rank heads as the whole Jacobian does: by the sum of its squares."""
    model, four = small_bert(), [0, 1, 2, 3]
    with torch.no_grad():
        for number, layer in enumerate(model.encoder.layer):
            for head in range(8):  # of other strength in every layer
                factor = 0.5 + (head + 3 * number) % 8 / 4
                layer.attention.self.value.weight[8 * head : 8 * head + 8] *= factor
    text = sequences()
    found = put_important_first(copy.deepcopy(model), "gradient", text.subset(four * 64), seed=0)
    assert found is not None
    squares = torch.zeros(4, 8)
    for place in four:
        inputs = text.batch([place])

        def states(factors: Tensor, inputs: dict[str, Tensor] = inputs) -> Tensor:
            hooks = [
                layer.attention.output.dense.register_forward_pre_hook(
                    lambda _part, args, factor=factor: (args[0] * factor.repeat_interleave(8),)
                )
                for layer, factor in zip(model.encoder.layer, factors, strict=True)
            ]
            last: Tensor = model(**inputs).last_hidden_state
            for hook in hooks:
                hook.remove()
            return last

        jacobian = torch.autograd.functional.jacobian(states, torch.ones(4, 8))
        squares += jacobian.square().sum((0, 1, 2))
    for ours, exact in zip(found.heads, squares, strict=True):
        assert spearmanr(ours, exact).statistic > 0.9


def test_no_rule_leaves_the_teacher_as_it_is() -> None:
    model, same = small_bert(), small_bert()
    assert put_important_first(model, "none", sequences(), seed=0) is None
    for ours, theirs in zip(model.parameters(), same.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_an_unknown_rule_is_told() -> None:
    with pytest.raises(UsageError, match="choose one of none, activation, gradient"):
        put_important_first(small_bert(), "magnitude", sequences(), seed=0)


def test_a_sorted_teacher_can_be_sorted_as_it_was_elsewhere() -> None:
    draws = torch.Generator().manual_seed(0)
    now, before = (
        Importance(torch.rand(4, 8, generator=draws), torch.rand(4, 256, generator=draws))
        for _ in range(2)
    )
    model, wanted = small_bert(), small_bert()
    sort_by_importance(model, now)
    sort_as_before(model, now, before)
    sort_by_importance(wanted, before)
    for ours, theirs in zip(model.parameters(), wanted.parameters(), strict=True):
        assert torch.equal(ours, theirs)
