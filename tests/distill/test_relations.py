"""Relation heads, teacher layers, widths that differ, and what does not fit."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from nas_kd.distill import (
    AutoDistilKL,
    AutoDistilMSE,
    HiddenFit,
    LastHidden,
    LogitDistillation,
    MiniLMv1,
    MiniLMv2,
    Outputs,
    TinyBERT,
)
from nas_kd.distill._relations import regrouped
from nas_kd.distill.tinybert import taught_by
from nas_kd.errors import UsageError
from tests.distill.sequences import drawn, loss

LENGTHS = [6, 3, 1]


def test_v2_with_the_heads_themselves_and_values_alone_is_v1_s_value_term() -> None:
    student, teacher = drawn(LENGTHS, seed=0), drawn(LENGTHS, seed=1)
    v1 = MiniLMv1()(Outputs.of_states(student), Outputs.of_states(teacher), torch.zeros(3))
    v2 = loss(MiniLMv2(relation_heads=3, queries=0, keys=0), student, teacher)
    torch.testing.assert_close(v2, v1["minilm_v1_values"])


def test_v2_compares_networks_of_other_widths_heads_and_depths() -> None:
    student = drawn(LENGTHS, seed=0, heads=2, head_dim=6, layers=1)
    teacher = drawn(LENGTHS, seed=1, heads=6, head_dim=4, layers=4)
    assert loss(MiniLMv2(relation_heads=12), student, teacher) > 0


def test_v2_reads_the_layer_of_the_teacher_that_it_is_told() -> None:
    student, teacher = drawn(LENGTHS, seed=0), drawn(LENGTHS, seed=1, layers=4)
    shorter = dataclasses.replace(
        teacher,
        queries=teacher.queries[:3],
        keys=teacher.keys[:3],
        values=teacher.values[:3],
    )
    third = loss(MiniLMv2(teacher_layer=3), student, teacher)
    assert torch.equal(third, loss(MiniLMv2(), student, shorter))
    assert torch.equal(
        loss(MiniLMv2(teacher_layer=4), student, teacher), loss(MiniLMv2(), student, teacher)
    )
    with pytest.raises(UsageError, match="layer 5 of the teacher, which has 4"):
        loss(MiniLMv2(teacher_layer=5), student, teacher)


def test_head_vectors_are_joined_and_split_not_averaged() -> None:
    """Seven heads of 64 in twelve parts: 37 columns each, the last four dropped."""
    heads = torch.randn(2, 7, 5, 64, generator=torch.Generator().manual_seed(0))
    parts = regrouped(heads, 12)
    assert parts.shape == (2, 12, 5, 37)
    joined = torch.cat(list(heads.unbind(1)), dim=-1)  # batch, token, 448
    assert torch.equal(torch.cat(list(parts.unbind(1)), dim=-1), joined[..., :444])


def test_interleaved_parts_of_fewer_heads_are_within_those_of_more() -> None:
    heads = torch.randn(2, 6, 5, 8, generator=torch.Generator().manual_seed(0))
    joined = torch.cat(list(heads.unbind(1)), dim=-1)  # batch, token, 48
    parts = regrouped(heads, 4, interleaved=True)
    for number in range(4):
        assert torch.equal(parts[:, number], joined[..., number::4])
    fewer = regrouped(heads[:, :3], 4, interleaved=True)
    assert torch.equal(fewer, parts[..., : fewer.shape[-1]])
    neighbours = regrouped(heads[:, :3], 4)
    assert not torch.equal(neighbours, regrouped(heads, 4)[..., : neighbours.shape[-1]])
    student, teacher = (drawn(LENGTHS, seed=seed, heads=6, head_dim=2) for seed in (0, 1))
    for kind in (MiniLMv2, AutoDistilKL, AutoDistilMSE):
        published, ours = (
            loss(kind(interleaved=given), student, teacher) for given in (False, True)
        )
        assert not torch.equal(published, ours)
        assert loss(kind(interleaved=True), teacher, teacher) == 0


def test_autodistil_takes_any_width_and_v2_says_which() -> None:
    student = drawn(LENGTHS, seed=0, heads=7, head_dim=2)  # 14 columns
    teacher = drawn(LENGTHS, seed=1, heads=6, head_dim=2)
    for distiller in (AutoDistilMSE(), AutoDistilKL()):
        assert loss(distiller, student, teacher) > 0
    with pytest.raises(UsageError, match="a width of 14 does not divide"):
        loss(MiniLMv2(), student, teacher)
    with pytest.raises(UsageError, match="splits a width of 12 into 13"):
        loss(AutoDistilMSE(relation_heads=13), student, teacher)


def test_autodistil_s_two_forms_differ_in_the_distance_alone() -> None:
    """Shifting all scores of a row changes their squares and not their softmax."""
    teacher = drawn([4], seed=0)
    ours = teacher.mapped(lambda tensor: tensor.clone())
    scaled = ours.mapped(lambda tensor: 2 * tensor)
    assert loss(AutoDistilMSE(), scaled, teacher) > 0
    one_token = drawn([1], seed=0)
    louder = one_token.mapped(lambda tensor: 2 * tensor)
    assert loss(AutoDistilKL(), louder, one_token).abs() < 1e-12  # the softmax of one is one
    assert loss(AutoDistilMSE(), louder, one_token) > 0


@pytest.mark.parametrize("distiller", [MiniLMv1(), TinyBERT()])
def test_heads_compared_one_by_one_are_as_many(distiller: MiniLMv1 | TinyBERT) -> None:
    student, teacher = drawn(LENGTHS, seed=0, heads=2), drawn(LENGTHS, seed=1, heads=3)
    with pytest.raises(UsageError, match="students with 2 and the teacher has 3"):
        loss(distiller, student, teacher)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [(4, [3, 6, 9, 12]), (6, [2, 4, 6, 8, 10, 12]), (5, [3, 5, 8, 10, 12]), (12, [*range(1, 13)])],
)
def test_tinybert_maps_layers_evenly_and_ends_with_the_last(
    layers: int, expected: list[int]
) -> None:
    assert taught_by(layers, 12) == expected


def test_a_fit_starts_as_the_identity_for_leading_slices_and_learns() -> None:
    teacher = drawn(LENGTHS, seed=0)
    width = teacher.hidden[-1].shape[-1]
    narrow = dataclasses.replace(
        teacher, hidden=tuple(hidden[..., : width - 4] for hidden in teacher.hidden)
    )
    fit = HiddenFit(width, width)
    outputs = Outputs.of_states(narrow, fit)
    found = LastHidden()(outputs, Outputs.of_states(teacher), torch.zeros(3))["last_hidden"]
    missing = teacher.hidden[-1][..., width - 4 :].square().sum(-1) / width
    expected = (missing * teacher.mask).sum(1) / teacher.mask.sum(1)
    torch.testing.assert_close(found, expected.mean())
    found.backward()
    gradient = fit.weight.grad
    assert gradient is not None
    assert gradient[:, : width - 4].any()
    assert not gradient[:, width - 4 :].any()


def test_without_a_fit_other_widths_are_refused() -> None:
    student, teacher = drawn(LENGTHS, seed=0, head_dim=2), drawn(LENGTHS, seed=1)
    with pytest.raises(UsageError, match="6 wide and the teacher's 12"):
        loss(LastHidden(), student, teacher)


def test_an_encoder_without_a_classifier_has_no_logits() -> None:
    states = drawn(LENGTHS, seed=0)
    with pytest.raises(UsageError, match="kd needs logits of the student"):
        loss(LogitDistillation(), states, states)


@pytest.mark.parametrize("heads", [0, -1])
def test_relation_heads_are_positive(heads: int) -> None:
    for distiller in (MiniLMv2, AutoDistilMSE, AutoDistilKL):
        with pytest.raises(UsageError, match="relation_heads"):
            distiller(relation_heads=heads)


def test_v2_s_weights_are_checked() -> None:
    for weights in ({"queries": -1.0}, {"queries": 0, "keys": 0, "values": 0}):
        with pytest.raises(UsageError, match="weighs queries, keys and values"):
            MiniLMv2(**weights)
