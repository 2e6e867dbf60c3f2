"""What the students of a SuperLM minimise, by its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerate import Accelerator

from nas_kd.training.language.state_objective import StateObjective
from nas_kd.training.superlm.settings import SuperLMSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def objective_of(
    settings: SuperLMSettings, teacher: PreTrainedModel, accelerator: Accelerator
) -> StateObjective:
    """The distillers that the settings name, with this teacher.

    Raises:
        UsageError: A distiller is unknown, or needs more than states.
    """
    return StateObjective(
        settings.distillers,
        teacher,
        accelerator,
        relation_heads=settings.relation_heads,
        interleaved=settings.interleaved,
        teacher_layer=settings.teacher_layer,
    )
