"""Students by themselves, trained to imitate their teacher on unlabelled text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from accelerate import Accelerator
from torch import Tensor, nn

from nas_kd.data.text import TokenSequences
from nas_kd.distill import HiddenFit
from nas_kd.errors import NotFiniteError
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.evaluate import eval_mode
from nas_kd.training.language.imitation import imitation_losses
from nas_kd.training.language.loop import LanguageLoop, Moment
from nas_kd.training.language.settings import LoopSettings
from nas_kd.training.language.state_objective import StateObjective
from nas_kd.training.language.train import train_language
from nas_kd.training.objective import not_finite
from nas_kd.training.progress import Progress

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def imitate(
    students: Sequence[PreTrainedModel],
    sequences: TokenSequences,
    held_out: TokenSequences,
    objective: StateObjective,
    *,
    settings: LoopSettings,
    seed: int,
    accelerator: Accelerator,
    fit: HiddenFit | None = None,
    checkpoint: CheckpointFile | None = None,
    on_progress: Progress | None = None,
) -> list[float]:
    """Trains students, each of any shape, to imitate the teacher of ``objective``.

    They share nothing but the teacher's forward, which runs once for a batch. Dropout aside, each
    of them ends where it would have ended alone.

    Args:
        students: Models of transformers; on return they are trained, in eval mode.
        sequences: What they are trained on.
        held_out: What they are judged on at the end.
        objective: The loss.
        settings: Length, batches, optimiser and schedule.
        seed: Of the order of the sequences and of dropout.
        accelerator: The device and the processes.
        fit: The map that was trained with the students before, for distillers that need one: each
            goes on from a copy.
        checkpoint: Where the state is kept; the same call continues from there.
        on_progress: Told how many of how many units are over.

    Returns:
        The mean loss of each on the held-out sequences.

    Raises:
        NotFiniteError: Losses of some students, named by `loss_name`, are no longer finite.
        NasKdError: A checkpoint cannot be written.
    """
    learners = [_Learner(student, objective, fit) for student in students]
    loop = LanguageLoop(
        nn.ModuleList(learners),
        sequences,
        _Losses(learners, objective),
        settings=settings,
        seed=seed,
        accelerator=accelerator,
        apart=learners,
    )
    train_language(loop, checkpoint=checkpoint, on_progress=on_progress)
    losses = {
        loss_name(place): imitation_loss(learner.student, held_out, objective, fit=learner.fit)
        for place, learner in enumerate(learners)
    }
    if names := not_finite(losses):
        raise NotFiniteError(
            f"training: at its end the held-out loss of {', '.join(names)} is not finite.",
            f"Lower learning_rate ({settings.learning_rate}), or train in full precision.",
            losses=names,
        )
    return list(losses.values())


def loss_name(place: int) -> str:
    """The name of the loss of the student at ``place`` of those that learn side by side."""
    return f"student_{place + 1}"


def imitation_loss(
    student: PreTrainedModel,
    sequences: TokenSequences,
    objective: StateObjective,
    *,
    fit: HiddenFit | None = None,
) -> float:
    """Mean loss of a student over the sequences, without dropout."""
    with eval_mode(student):
        networks = {"student": lambda batch: objective.states_of(student, batch)}
        return imitation_losses(networks, sequences, objective, fit=fit)["student"]


class _Learner(nn.Module):
    """A student with the map of its hidden states, where the loss needs one."""

    def __init__(
        self, student: PreTrainedModel, objective: StateObjective, before: HiddenFit | None
    ) -> None:
        super().__init__()
        width = student.config.hidden_size
        self.student = student
        self.fit = objective.make_fit(width) if before is None else before.narrowed(width)


class _Losses:
    """The loss of each student for a batch."""

    def __init__(self, learners: Sequence[_Learner], objective: StateObjective) -> None:
        self._learners = learners
        self._objective = objective

    def __call__(
        self, batch: dict[str, Tensor], places: Tensor, moment: Moment
    ) -> Iterator[tuple[str, Tensor]]:
        taught = self._objective.taught(batch)
        for place, learner in enumerate(self._learners):
            with self._objective.autocast():
                states = self._objective.states_of(learner.student, batch)
            yield loss_name(place), self._objective(states, taught, learner.fit)
