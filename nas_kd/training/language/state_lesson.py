"""Before a student learns a task, it may learn what its teacher makes of the task's texts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from accelerate import Accelerator

from nas_kd.data.text import LabelledTexts, encoded
from nas_kd.distill import Distiller
from nas_kd.errors import UsageError
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.idle_settings import refuse_idle
from nas_kd.training.language.finetune import FinetuneSettings
from nas_kd.training.language.judging import require_positions
from nas_kd.training.language.standalone import imitate
from nas_kd.training.language.state_objective import StateObjective, state_distillers
from nas_kd.training.progress import Progress
from nas_kd.training.setting_checks import require_number
from search_spaces.language_models import family_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_OF_STATES = ("state_learning_rate", "state_distillers", "state_interleaved")


@dataclass(frozen=True)
class TaskSettings(FinetuneSettings):
    """How a task is learned in two steps (TinyBERT, Jiao et al., Findings of EMNLP 2020).

    Attributes:
        state_epochs: Passes over the training texts in which the student imitates the states of
            the teacher that knows the task, before the labels and whatever ``teacher_weight`` is; 0
            leaves the step out.
        state_learning_rate: Peak in these passes.
        state_distillers: What the student imitates by: names of distillers of token states,
            separated by commas. Deviation: the last hidden states alone, for students of any depth.
        state_interleaved: As ``interleaved`` of the relation distillers among them.

    Raises:
        UsageError: A value is out of range, or has no effect.
    """

    state_epochs: int = 0
    state_learning_rate: float = 3e-4
    state_distillers: str = "last_hidden"
    state_interleaved: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "state_epochs", least=0, what="training")
        require_number(self, "state_learning_rate", above=0, what="training")
        if self.state_epochs == 0:
            refuse_idle(self, _OF_STATES, "state_epochs is 0", where="training")
        self.of_states()

    @property
    def learns_from_teacher(self) -> bool:
        """Whether a teacher is needed; else labels are all that is learned from."""
        return self.teacher_weight > 0 or self.state_epochs > 0

    def of_states(self) -> list[Distiller]:
        """The distillers of the states."""
        return state_distillers(self.state_distillers, interleaved=self.state_interleaved)


def require_imitable(
    model: PreTrainedModel,
    tokenizer: Any,
    *,
    teacher: PreTrainedModel,
    teacher_tokenizer: Any = None,
    settings: TaskSettings,
) -> None:
    """Says before a training what `imitate_states` would say; arguments as there.

    Raises:
        UsageError: Model and teacher read other tokens, or are of shapes that the distillers of
            the settings cannot compare.
    """
    if teacher_tokenizer is not None and teacher_tokenizer.get_vocab() != tokenizer.get_vocab():
        raise UsageError(
            "training: the student and the teacher read other tokens, so that their states cannot "
            "be compared. Set state_epochs to 0, or give a teacher with the student's tokenizer."
        )
    student, taught = (family_of(one.config).shape(one.config) for one in (model, teacher))
    for distiller in settings.of_states():
        distiller.require_comparable([student], taught)


def imitate_states(
    model: PreTrainedModel,
    task: LabelledTexts,
    tokenizer: Any,
    *,
    teacher: PreTrainedModel,
    teacher_tokenizer: Any = None,
    settings: TaskSettings,
    seed: int,
    accelerator: Accelerator,
    checkpoint: CheckpointFile | None = None,
    on_progress: Progress | None = None,
) -> float:
    """Trains a classifier but for its head to imitate a teacher on the task's training texts.

    Args:
        model: A classifier of transformers, trainable.
        task: The texts; labels are not looked at.
        tokenizer: That of the model.
        teacher: A classifier that was trained on the task.
        teacher_tokenizer: That of the teacher, where it is another one.
        settings: Length, batches, optimiser; ``state_epochs`` and what belongs to it.
        seed: Of the order of the texts and of dropout.
        accelerator: The device and the processes.
        checkpoint: Where the state is kept; the same call continues from there.
        on_progress: Told how many of how many units are over.

    Returns:
        The mean loss on the validation texts.

    Raises:
        UsageError: Model and teacher read other tokens, cannot read as many, or have no states that
            can be compared.
        NasKdError: The loss is no longer finite, or a checkpoint cannot be written.
    """
    require_imitable(
        model, tokenizer, teacher=teacher, teacher_tokenizer=teacher_tokenizer, settings=settings
    )
    train, validation = (
        encoded(examples, tokenizer, settings.max_tokens)
        for examples in (task.train, task.validation)
    )
    require_positions("model", model, train, validation)
    require_positions("teacher", teacher, train, validation)
    (loss,) = imitate(
        [model.base_model],
        train,
        validation,
        StateObjective(
            settings.state_distillers,
            teacher.base_model,
            accelerator,
            interleaved=settings.state_interleaved,
        ),
        settings=replace(
            settings, epochs=settings.state_epochs, learning_rate=settings.state_learning_rate
        ),
        seed=seed,
        accelerator=accelerator,
        checkpoint=checkpoint,
        on_progress=on_progress,
    )
    return loss
