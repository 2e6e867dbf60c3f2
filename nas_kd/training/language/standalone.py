"""A student by itself, trained to imitate its teacher on unlabelled text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from accelerate import Accelerator
from torch import Tensor, nn

from nas_kd.data.text import TokenSequences
from nas_kd.distill import HiddenFit
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.evaluate import eval_mode
from nas_kd.training.language.imitation import imitation_losses
from nas_kd.training.language.loop import LanguageLoop, Moment
from nas_kd.training.language.settings import LoopSettings
from nas_kd.training.language.state_objective import StateObjective
from nas_kd.training.language.train import train_language
from nas_kd.training.trainer import Progress
from search_spaces.supernets import observe

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def imitate(
    student: PreTrainedModel,
    sequences: TokenSequences,
    held_out: TokenSequences,
    objective: StateObjective,
    *,
    settings: LoopSettings,
    seed: int,
    accelerator: Accelerator,
    checkpoint: CheckpointFile | None = None,
    on_progress: Progress | None = None,
) -> float:
    """Trains a student, of any shape, to imitate the teacher of ``objective``.

    Args:
        student: A model of transformers; on return it is trained, in eval mode.
        sequences: What it is trained on.
        held_out: What it is judged on at the end.
        objective: The loss.
        settings: Length, batches, optimiser and schedule.
        seed: Of the order of the sequences and of dropout.
        accelerator: The device and the processes.
        checkpoint: Where the state is kept; the same call continues from there.
        on_progress: Told how many of how many units are over.

    Returns:
        The mean loss on the held-out sequences.

    Raises:
        NasKdError: The loss is no longer finite, or a checkpoint cannot be written.
    """
    fit = objective.make_fit(student.config.hidden_size)
    loop = LanguageLoop(
        nn.ModuleList([student, *([] if fit is None else [fit])]),
        sequences,
        _StudentLoss(student, fit, objective, accelerator),
        settings=settings,
        seed=seed,
        accelerator=accelerator,
    )
    train_language(loop, checkpoint=checkpoint, on_progress=on_progress)
    return imitation_loss(student, held_out, objective, fit=fit)


def imitation_loss(
    student: PreTrainedModel,
    sequences: TokenSequences,
    objective: StateObjective,
    *,
    fit: HiddenFit | None = None,
) -> float:
    """Mean loss of a student over the sequences, without dropout."""
    with eval_mode(student):
        networks = {"student": lambda batch: observe(student, batch).states}
        return imitation_losses(networks, sequences, objective, fit=fit)["student"]


class _StudentLoss:
    """The loss of a batch."""

    def __init__(
        self,
        student: PreTrainedModel,
        fit: HiddenFit | None,
        objective: StateObjective,
        accelerator: Accelerator,
    ) -> None:
        self._student = student
        self._fit = fit
        self._objective = objective
        self._accelerator = accelerator

    def __call__(
        self, batch: dict[str, Tensor], places: Tensor, moment: Moment
    ) -> Iterator[tuple[str, Tensor]]:
        taught = self._objective.taught(batch)
        with self._accelerator.autocast():
            states = observe(self._student, batch).states
        yield "loss", self._objective(states, taught, self._fit)
