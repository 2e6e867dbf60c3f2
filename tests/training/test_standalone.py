"""Students that learn side by side from one teacher."""

from __future__ import annotations

import torch

from nas_kd.training.language import LoopSettings, StateObjective, imitate, imitation_loss
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
