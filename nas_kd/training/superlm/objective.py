"""What the students of a SuperLM minimise, by its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerate import Accelerator

from nas_kd.training.language.state_objective import StateObjective, state_distillers
from nas_kd.training.superlm.settings import SuperLMSettings
from search_spaces import TransformerSpace
from search_spaces.language_models import Head

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def objective_of(
    settings: SuperLMSettings, teacher: PreTrainedModel, accelerator: Accelerator
) -> StateObjective:
    """The distillers that the settings name, with this teacher.

    Raises:
        UsageError: A distiller is unknown, or needs more than states.
    """
    return StateObjective(settings.distillers, teacher, accelerator, **_of_distillers(settings))


def require_comparable(settings: SuperLMSettings, space: TransformerSpace, head: Head) -> None:
    """Whether the settings' distillers can compare every student with the teacher.

    Args:
        settings: They name the distillers.
        space: The students; cut from the teacher.
        head: The teacher's, and theirs.

    Raises:
        UsageError: A distiller is unknown, needs more than states, or cannot compare a student.
    """
    students = {space.shape(arch) for arch in space.enumerate()}
    for distiller in state_distillers(settings.distillers, head, **_of_distillers(settings)):
        distiller.require_comparable(students, space.teacher)


def _of_distillers(settings: SuperLMSettings) -> dict[str, float | None]:
    return {
        "relation_heads": settings.relation_heads,
        "interleaved": settings.interleaved,
        "teacher_layer": settings.teacher_layer,
    }
