"""What every distiller of token states keeps to: padding and the rest of the batch are nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nas_kd.distill import DISTILLERS, create_distiller
from search_spaces import TokenStates
from tests.distill.by_hand import BY_HAND
from tests.distill.sequences import alone, drawn, loss, padded

NAMES = [name for name, distiller in DISTILLERS.items() if "states" in distiller.needs]

lengths = st.lists(st.integers(1, 6), min_size=1, max_size=4)
few = settings(max_examples=15, deadline=None)


def test_each_has_its_definition_by_hand() -> None:
    assert set(NAMES) == set(BY_HAND)


@pytest.mark.parametrize("name", NAMES)
@given(lengths=lengths, seed=st.integers(0, 99), causal=st.booleans())
@few
def test_it_is_the_mean_of_its_definition_over_the_sequences(
    name: str, lengths: list[int], seed: int, causal: bool
) -> None:
    student = drawn(lengths, seed=seed, causal=causal)
    teacher = drawn(lengths, seed=seed + 100, layers=4, causal=causal)
    expected = [
        BY_HAND[name](alone(student, index), alone(teacher, index)) for index in range(len(lengths))
    ]
    torch.testing.assert_close(
        loss(create_distiller(name), student, teacher), torch.stack(expected).mean()
    )


@pytest.mark.parametrize("name", NAMES)
@given(lengths=lengths, extra=st.integers(1, 5), garbage=st.floats(-1e4, 1e4))
@few
def test_padding_changes_neither_value_nor_gradient(
    name: str, lengths: list[int], extra: int, garbage: float
) -> None:
    distiller = create_distiller(name)
    found = []
    for more in (0, extra):
        student, teacher = (drawn(lengths, seed=seed) for seed in (0, 1))
        if more:
            student, teacher = padded(student, more, garbage), padded(teacher, more, -garbage)
        value, gradient = _with_gradient(distiller, student, teacher)
        tokens = max(lengths)
        assert not gradient[..., tokens:, :].any()
        found.append((value, gradient[..., :tokens, :]))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("name", NAMES)
@given(lengths=lengths, seed=st.integers(0, 99))
@few
def test_a_sequence_counts_the_same_in_any_batch(name: str, lengths: list[int], seed: int) -> None:
    student, teacher = drawn(lengths, seed=seed), drawn(lengths, seed=seed + 100)
    distiller = create_distiller(name)
    single = [
        loss(distiller, alone(student, index), alone(teacher, index))
        for index in range(len(lengths))
    ]
    torch.testing.assert_close(loss(distiller, student, teacher), torch.stack(single).mean())


@pytest.mark.parametrize("name", NAMES)
def test_a_student_that_equals_its_teacher_has_nothing_to_learn(name: str) -> None:
    states = drawn([5, 2, 3], seed=0)
    assert loss(create_distiller(name), states, states).abs() < 1e-12


def _with_gradient(
    distiller: object, student: TokenStates, teacher: TokenStates
) -> tuple[Tensor, Tensor]:
    """The loss and its gradient by the values and the hidden states of the last layer, joined."""
    leaves: list[Tensor] = []

    def leaf(tensor: Tensor) -> Tensor:
        leaves.append(tensor.clone().requires_grad_())
        return leaves[-1]

    value = loss(distiller, student.mapped(leaf), teacher)  # type: ignore[arg-type]
    value.backward()
    gradients = [leaf.grad for leaf in leaves if leaf.grad is not None]
    heads = [gradient if gradient.dim() == 4 else gradient[:, None] for gradient in gradients]
    flat = [gradient.transpose(1, 2).flatten(2) for gradient in heads]  # batch, token, all
    return value.detach(), torch.cat(flat, dim=-1)
