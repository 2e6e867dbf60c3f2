"""The second step of the choice: a short distillation of the students that rank first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerate import Accelerator

from nas_kd.data.text import TokenSequences
from nas_kd.training.language.settings import LoopSettings
from nas_kd.training.language.standalone import imitate
from nas_kd.training.language.state_objective import StateObjective
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


def choose_student(
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
    on_student: Callable[[int, int], None] | None = None,
) -> list[Finalist]:
    """The ``top`` first of ``ranked``, each distilled by itself for as long, the best first.

    A student's rank with shared weights says how far the SuperLM has brought it; a few steps on
    its own weights say which one goes furthest.

    Args:
        superlm: The shared weights, which every student starts from.
        ranked: The students, the best first.
        sequences: What they are trained on.
        held_out: What they are judged on.
        objective: The loss.
        top: How many are distilled.
        settings: Length, batches, optimiser and schedule of each distillation.
        seed: Of the order of the sequences, the same for all, and of dropout.
        accelerator: The device and the processes.
        on_student: Told how many of how many students are over.

    Raises:
        NasKdError: A loss is no longer finite.
    """
    finalists = []
    short = list(ranked[:top])
    for number, student in enumerate(short, start=1):
        model = superlm.extract(student.arch)
        loss = imitate(
            model,
            sequences,
            held_out,
            objective,
            settings=settings,
            seed=seed,
            accelerator=accelerator,
        )
        finalists.append(Finalist(student, loss, model))
        if on_student is not None:
            on_student(number, len(short))
    return sorted(finalists, key=lambda finalist: finalist.loss)
