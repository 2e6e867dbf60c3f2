"""The second step of the choice: a short distillation of the students that rank first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerate import Accelerator

from nas_kd.data.text import TokenSequences
from nas_kd.distill import HiddenFit
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.language.settings import LoopSettings
from nas_kd.training.language.standalone import imitate
from nas_kd.training.language.state_objective import StateObjective
from nas_kd.training.progress import Progress
from nas_kd.training.superlm.ranking import RankedStudent
from search_spaces.supernets import SuperLM

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Finalist:
    """A student after its short distillation.

    Attributes:
        ranked: The student as it was ranked.
        loss: Its held-out relation loss afterwards.
        model: The student, trained, in eval mode.
    """

    ranked: RankedStudent
    loss: float
    model: PreTrainedModel


def distil_shortlist(
    superlm: SuperLM,
    ranked: Sequence[RankedStudent],
    sequences: TokenSequences,
    held_out: TokenSequences,
    objective: StateObjective,
    *,
    top: int,
    settings: LoopSettings,
    seed: int,
    accelerator: Accelerator,
    fit: HiddenFit | None = None,
    checkpoint: CheckpointFile | None = None,
    on_progress: Progress | None = None,
) -> list[Finalist]:
    """The ``top`` first of ``ranked``, distilled on weights of their own, the best first.

    A student's rank with shared weights says how far the SuperLM has brought it; a few steps on
    its own weights say which one goes furthest. They train side by side on the same batches.

    Args:
        superlm: The shared weights, which every student starts from.
        ranked: The students, the best first.
        sequences: What they are trained on.
        held_out: What they are judged on.
        objective: The loss.
        top: How many are distilled.
        settings: Length, batches, optimiser and schedule.
        seed: Of the order of the sequences and of dropout.
        accelerator: The device and the processes.
        fit: The map that was trained with the SuperLM, for distillers that need one.
        checkpoint: Where the state is kept; the same call continues from there.
        on_progress: Told how many of how many units are over.

    Raises:
        NotFiniteError: Losses of some, named by `loss_name`, are no longer finite.
        NasKdError: A checkpoint cannot be written.
    """
    models = [superlm.extract(student.arch) for student in ranked[:top]]
    losses = imitate(
        models,
        sequences,
        held_out,
        objective,
        settings=settings,
        seed=seed,
        accelerator=accelerator,
        fit=fit,
        checkpoint=checkpoint,
        on_progress=on_progress,
    )
    found = zip(ranked[:top], losses, models, strict=True)
    return sorted((Finalist(*each) for each in found), key=lambda finalist: finalist.loss)
