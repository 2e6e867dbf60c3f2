"""Losses of attention maps compare those that decoders have, whose heads share keys and values."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nas_kd.distill import HiddenFit, Outputs, create_distiller
from search_spaces.supernets import observe
from tests.search_spaces.supernets.language import LENGTH, batch, teacher

STUDENT = {"hidden_size": 48, "head_dim": 8, "num_hidden_layers": 2, "intermediate_size": 100}


def _attention(model: torch.nn.Module) -> Tensor:
    """Of the last layer, ``(batch, head, token, token)``."""
    attentions: tuple[Tensor, ...] = model(**batch(), output_attentions=True).attentions
    return attentions[-1]


def test_minilm_compares_the_attention_maps_that_the_models_have() -> None:
    student = teacher("LlamaModel", attn_implementation="eager", **STUDENT)
    taught = teacher("LlamaModel", seed=1, attn_implementation="eager")
    ours, theirs = (Outputs.of_states(observe(m, batch()).states) for m in (student, taught))
    found = create_distiller("minilm_v1")(ours, theirs, torch.zeros(3))
    rows = F.kl_div(
        _attention(student).clamp_min(1e-30).log(),
        _attention(taught).clamp_min(1e-30).log(),
        reduction="none",
        log_target=True,
    ).sum(-1)
    assert rows.shape == (3, 12, LENGTH)
    torch.testing.assert_close(found["minilm_v1_attention"], rows.mean(), rtol=1e-4, atol=1e-6)
    assert found["minilm_v1_values"] > 0


@pytest.mark.parametrize("name", ["minilm_v1", "tinybert"])
def test_students_learn_from_decoders(name: str) -> None:
    student, taught = teacher("LlamaModel", **STUDENT), teacher("LlamaModel", seed=1)
    ours, theirs = (observe(m, batch(True)).states for m in (student, taught))
    outputs = Outputs.of_states(ours, HiddenFit(48, 96))
    parts = create_distiller(name)(outputs, Outputs.of_states(theirs), torch.zeros(3))
    torch.stack(list(parts.values())).sum().backward()
    for projection in ("q_proj", "k_proj"):
        gradient = student.layers[-1].self_attn.get_submodule(projection).weight.grad
        assert gradient.isfinite().all()
        assert gradient.any()
    same = create_distiller(name)(
        Outputs.of_states(theirs), Outputs.of_states(theirs), torch.zeros(3)
    )
    assert all(value.abs() < 1e-6 for value in same.values())
