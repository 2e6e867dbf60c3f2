"""Ranking students with shared weights, and the short list."""

from __future__ import annotations

import pytest
import torch

from nas_kd.costs import Budget
from nas_kd.errors import NoFeasibleStudentError, UsageError
from nas_kd.training.language import LoopSettings, StateObjective, imitation_loss
from nas_kd.training.superlm import (
    RankedStudent,
    distil_shortlist,
    feasible_students,
    in_order,
    shared_weight_losses,
    teacher_sizes,
    text_task_of,
)
from search_spaces.supernets import SuperLM
from tests.training.language_models import on_cpu, sequences, small_bert, small_space

TEACHER = small_bert()
SPACE = small_space()
TASK = text_task_of(TEACHER.config, 12)
HELD_OUT = sequences(12, seed=5)


def _objective(names: str = "autodistil_kl") -> StateObjective:
    return StateObjective(names, TEACHER, on_cpu())


def _ranked(
    superlm: SuperLM, objective: StateObjective, budget: Budget | None = None, batch_size: int = 32
) -> list[RankedStudent]:
    sizes = feasible_students(SPACE, TASK, budget or Budget())
    losses = shared_weight_losses(superlm, list(sizes), HELD_OUT, objective, batch_size=batch_size)
    return in_order(losses, sizes)


def test_every_student_is_ranked_by_the_loss_that_it_has_alone() -> None:
    superlm, objective = SuperLM(TEACHER, SPACE), _objective()
    superlm.train()
    ranked = _ranked(superlm, objective)
    assert {student.arch for student in ranked} == set(SPACE.enumerate())
    losses = [student.loss for student in ranked]
    assert losses == sorted(losses)
    assert len(set(losses)) > len(losses) // 2
    assert superlm.training
    for student in (ranked[0], ranked[-1]):
        alone = imitation_loss(superlm.extract(student.arch), HELD_OUT, objective)
        assert student.loss == pytest.approx(alone, rel=1e-5)
        sizes = SPACE.sizes(student.arch, TASK)
        assert (student.params, student.macs) == (sizes.params, sizes.macs)


def test_the_size_of_the_batches_does_not_matter() -> None:
    superlm, objective = SuperLM(TEACHER, SPACE), _objective()
    first, second = (_ranked(superlm, objective, batch_size=size) for size in (3, 64))
    found = {student.arch: student.loss for student in second}
    for student in first:
        assert found[student.arch] == pytest.approx(student.loss, rel=1e-4)


def test_a_budget_leaves_out_what_does_not_fit() -> None:
    superlm, objective = SuperLM(TEACHER, SPACE), _objective()
    macs = sorted(SPACE.sizes(arch, TASK).macs for arch in SPACE.enumerate())
    share = 100 * macs[10] / teacher_sizes(SPACE, TASK).macs
    budget = Budget.parse([f"macs={share + 1e-6}%"])
    ranked = _ranked(superlm, objective, budget)
    assert sorted(student.macs for student in ranked) == [m for m in macs if m <= macs[10]]
    with pytest.raises(NoFeasibleStudentError, match="none of the 48 students"):
        feasible_students(SPACE, TASK, Budget.parse(["params=1k"]))


def test_the_short_list_is_distilled_and_judged_alone() -> None:
    superlm, objective = SuperLM(TEACHER, SPACE), _objective()
    before = {name: value.clone() for name, value in superlm.model.named_parameters()}
    ranked = _ranked(superlm, objective)
    settings = LoopSettings(epochs=3, batch_size=8, max_tokens=12, learning_rate=2e-3)
    finalists = distil_shortlist(
        superlm,
        ranked,
        sequences(60),
        HELD_OUT,
        objective,
        top=3,
        settings=settings,
        seed=0,
        accelerator=on_cpu(),
    )
    assert {finalist.ranked for finalist in finalists} == set(ranked[:3])
    assert [finalist.loss for finalist in finalists] == sorted(f.loss for f in finalists)
    for finalist in finalists:
        assert finalist.loss < finalist.ranked.loss
        assert finalist.loss == imitation_loss(finalist.model, HELD_OUT, objective)
    for name, value in superlm.model.named_parameters():
        assert torch.equal(value, before[name])


def test_students_of_stock_classes_alone() -> None:
    space = small_space("autodistil")
    found = feasible_students(space, TASK, Budget(), stock=True)
    stock = [arch for arch in space.enumerate() if space.is_stock(arch)]
    assert 0 < len(found) < space.size
    assert list(found) == stock
    with pytest.raises(UsageError, match="none of the 48 students of autodistil-tiny is of a cl"):
        feasible_students(SPACE, TASK, Budget(), stock=True)
