"""Students that learn side by side from one teacher."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nas_kd.errors import NotFiniteError
from nas_kd.training.language import (
    LoopSettings,
    StateObjective,
    imitate,
    imitation_loss,
    loss_name,
)
from search_spaces.supernets import SuperLM
from tests.training.language_models import on_cpu, sequences, small_bert, small_space

SETTINGS = LoopSettings(epochs=2, batch_size=8, max_tokens=12, learning_rate=2e-3)
CALM = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def test_each_ends_where_it_would_have_ended_alone_and_nearer_to_the_teacher() -> None:
    teacher = small_bert(**CALM)
    superlm = SuperLM(teacher, small_space())
    archs = superlm.space.anchors()[:2]
    objective = StateObjective("autodistil_kl,last_hidden", teacher, on_cpu())
    held_out = sequences(12, seed=5)

    def trained(*places: int) -> list[torch.Tensor]:
        students = [superlm.extract(archs[place]) for place in places]
        losses = imitate(
            students,
            sequences(40),
            held_out,
            objective,
            settings=SETTINGS,
            seed=0,
            accelerator=on_cpu(),
        )
        for place, loss in zip(places, losses, strict=True):
            assert loss < imitation_loss_of(place)
        return [torch.cat([p.flatten() for p in s.state_dict().values()]) for s in students]

    def imitation_loss_of(place: int) -> float:
        fit = objective.make_fit(superlm.space.shape(archs[place]).hidden)
        return imitation_loss(superlm.extract(archs[place]), held_out, objective, fit=fit)

    together = trained(0, 1)
    for place, weights in enumerate(together):
        assert torch.equal(trained(place)[0], weights)
    assert not any(parameter.grad is not None for parameter in teacher.parameters())


def test_a_map_of_hidden_states_lies_where_students_compute() -> None:
    elsewhere: Any = SimpleNamespace(device=torch.device("meta"))
    fit = StateObjective("last_hidden", small_bert(), elsewhere).make_fit(32)
    assert fit is not None
    assert fit.weight.device == elsewhere.device


@pytest.mark.parametrize(("spoilt", "learning_rate"), [([1], 2e-3), ([0, 1], 1e30)])
def test_students_that_diverge_are_named(spoilt: list[int], learning_rate: float) -> None:
    """Also those that do so in the last step."""
    students = [small_bert(seed=seed) for seed in (1, 2)]
    if len(spoilt) == 1:
        with torch.no_grad():
            students[1].embeddings.word_embeddings.weight.fill_(torch.nan)
    settings = replace(SETTINGS, epochs=1, batch_size=100, learning_rate=learning_rate, warmup=0.0)
    with pytest.raises(NotFiniteError, match="student_2") as told:
        imitate(
            students,
            sequences(40),
            sequences(12, seed=5),
            StateObjective("autodistil_kl", small_bert(), on_cpu()),
            settings=settings,
            seed=0,
            accelerator=on_cpu(),
        )
    assert told.value.losses == tuple(map(loss_name, spoilt))
