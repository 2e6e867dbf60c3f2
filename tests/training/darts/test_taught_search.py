"""Searches that are taught: what reduces to plain DARTS, and what teachers do and do not change."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nas_kd.training.darts.network import SearchNetwork
from nas_kd.training.darts.session import SearchSession
from tests.training.darts import few_digits
from tests.training.darts.searches import EARLY, MakeJob, average_of, ring_of, same, searched
from tests.training.states import alike, stored

OFF: list[dict[str, Any]] = [{"teacher_weight": 0.0}, {"teachers": 0}]


@pytest.mark.parametrize(
    ("order", "source"), [("first", "snapshots"), ("second", "snapshots"), ("first", "cached")]
)
def test_without_weight_or_teachers_it_is_darts_bit_for_bit(
    make_job: MakeJob, order: str, source: str
) -> None:
    plain = searched(make_job("darts", order=order))
    taught: dict[str, Any] = {**EARLY, "order": order, "teacher_sources": source}
    for off in OFF:
        assert same(plain, searched(make_job("sd-darts", **taught, **off)))
    assert not same(plain, searched(make_job("sd-darts", **taught)))


@pytest.mark.parametrize("order", ["first", "second"])
def test_the_teachers_of_a_search_get_no_gradient(
    make_job: MakeJob, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the steps of w nor in those of alpha; and those that do not follow the student
    stay as they are."""
    outside = few_digits.untrained_teacher()
    monkeypatch.setattr(few_digits, "untrained_teacher", lambda: outside)
    sources = {"teacher_sources": "snapshots+ema+external", "applied_to": "both", "order": order}
    session = SearchSession(make_job("sd-darts", **EARLY, **sources))
    session.run_unit()
    past = [snapshot.module for snapshot in ring_of(session).ring]
    assert len(past) == 2
    still = [outside.model, *past]
    before = [stored(teacher.state_dict()) for teacher in still]

    train, held_out = next(session.batches())
    student = session.network.outputs(train.images)
    voices = session.teachers.provider.voices(train, student)
    assert not any(voice.outputs.logits.requires_grad for voice in voices)
    assert len(voices) == 4
    assert session.step(0, train, held_out)["teacher_loss"] > 0

    own = [average_of(session).module, *past]
    assert any(name.startswith("alphas.") for name, _ in own[-1].named_parameters())
    assert not any(p.requires_grad for teacher in own for p in teacher.parameters())
    assert all(p.grad is None for teacher in [*own, outside.model] for p in teacher.parameters())
    assert all(map(alike, before, [teacher.state_dict() for teacher in still]))
    trained = {id(parameter) for parameter in session.network.parameters()}
    for optimizer in (session._step.weights_optimizer, session._step.alphas_optimizer):
        assert {id(p) for group in optimizer.param_groups for p in group["params"]} <= trained


def test_the_loss_of_teachers_is_told_of_the_steps_that_they_taught(make_job: MakeJob) -> None:
    """The first of two steps has no teacher yet."""
    whole, stepwise = (SearchSession(make_job("sd-darts", **EARLY)) for _ in range(2))
    parts = [stepwise.step(number, *pair) for number, pair in enumerate(stepwise.batches())]
    assert "teacher_loss" not in parts[0]
    told = whole.run_unit()
    assert told["teacher_loss"] == float(parts[1]["teacher_loss"]) > 0
    losses = [float(part["train_loss"]) for part in parts]
    assert told["train_loss"] == pytest.approx(sum(losses) / 2)


def test_votes_by_loss_go_by_held_out_images_before_alpha_begins(make_job: MakeJob) -> None:
    """The look at them changes nothing."""
    plain, weighed = (
        SearchSession(make_job("sd-darts", **EARLY, alpha_start=1, vote=vote))
        for vote in ("soft", "loss")
    )
    parts = [session.step(0, *next(session.batches())) for session in (plain, weighed)]
    assert "validation_loss" not in parts[0]
    (past,) = ring_of(weighed).ring
    assert past.loss == float(parts[1]["validation_loss"]) != float(parts[1]["train_loss"])
    assert same(plain, weighed)


def test_snapshots_carry_their_own_alphas(make_job: MakeJob) -> None:
    session = searched(make_job("sd-darts", **EARLY))
    first, *_, last = ring_of(session).ring
    names = [name for name in first.module.state_dict() if name.startswith("alphas.")]
    assert names
    for name in names:
        assert not torch.equal(first.module.state_dict()[name], last.module.state_dict()[name])
    assert len(ring_of(session).ring) == 3


def test_the_past_runs_in_the_precision_of_the_present(make_job: MakeJob) -> None:
    settings = {**EARLY, "teacher_sources": "snapshots+ema", "precision": "bf16"}
    session = SearchSession(make_job("sd-darts", **settings))
    pairs = session.batches()
    session.step(0, *next(pairs))
    train, _ = next(pairs)
    student = session.network.outputs(train.images)
    voices = session.teachers.provider.voices(train, student)
    assert [voice.outputs.logits.dtype for voice in voices] == [torch.bfloat16] * 2
    assert session.step(1, *next(session.batches()))["teacher_loss"].dtype == torch.float32


def test_the_teachers_loss_on_w_leaves_the_slope_of_alpha_alone(make_job: MakeJob) -> None:
    """In the first step that is taught, alpha still moves as without teachers."""
    plain = SearchSession(make_job("darts"))
    taught = SearchSession(make_job("sd-darts", **EARLY))
    alphas = [_alphas_after(session, steps=2) for session in (plain, taught)]
    weights = [_weights(session) for session in (plain, taught)]
    assert torch.equal(*alphas)
    assert not torch.equal(*weights)


def test_the_second_order_sees_the_loss_that_the_weights_are_trained_on(make_job: MakeJob) -> None:
    """In the first step that is taught, alpha moves otherwise, as w's virtual step is taught."""
    plain = SearchSession(make_job("darts", order="second"))
    taught = SearchSession(make_job("sd-darts", order="second", **EARLY))
    assert torch.equal(*(_alphas_after(session, steps=1) for session in (plain, taught)))
    assert not torch.equal(*(_alphas_after(session, steps=2) for session in (plain, taught)))


def _alphas_after(session: SearchSession, steps: int) -> Tensor:
    """Steps of the first epoch; with ``EARLY`` the second one is taught."""
    for number, pair in zip(range(steps), session.batches(), strict=False):
        session.step(number, *pair)
    return session.network.alphas.operations["cell"].detach().clone()


def _weights(session: SearchSession) -> Tensor:
    return torch.cat([p.detach().flatten() for p in session.network.supernet.parameters()])


def test_what_teaches_and_is_judged_has_the_skip_that_is_trained(make_job: MakeJob) -> None:
    settings = {**EARLY, "teacher_sources": "snapshots", "batch_size": 80, "judged_images": 8}
    session = SearchSession(make_job("darts-minus", "darts", **settings))
    session.run_unit()
    (past,) = ring_of(session).ring  # after the only step of the first of two epochs
    assert isinstance(past.module, SearchNetwork)
    assert past.module.expected().skip == pytest.approx(1.0)
    assert session.network.expected().skip == pytest.approx(0.5)
    session.run_unit()
    assert session.network.expected().skip == pytest.approx(0.0)
    assert SearchSession(make_job("darts", "darts")).network.expected().skip == 0.0
