"""Fine-tuning on labelled texts, with or without a teacher of the same task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F

from nas_kd.data.text import LabelledTexts, encoded
from nas_kd.distill import Outputs, create_distiller
from nas_kd.errors import UsageError
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.idle_settings import refuse_idle
from nas_kd.training.language.judging import outputs_of, require_positions, task_score
from nas_kd.training.language.loop import LanguageLoop, Moment
from nas_kd.training.language.settings import LoopSettings
from nas_kd.training.language.train import LanguageResult, train_language
from nas_kd.training.progress import Progress
from nas_kd.training.setting_checks import require_number

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class FinetuneSettings(LoopSettings):
    """How a task is learned.

    Attributes:
        label_weight: Of the cross-entropy with the labels, or the squared error of the scores.
        teacher_weight: Of the distillation from the teacher's logits, or the squared difference
            from its scores.
        temperature: T of the distillation from logits.
        keep_best: Whether the weights of the best unit on the validation examples are kept.

    Raises:
        UsageError: A value is out of range or has no effect, or nothing has any weight.
    """

    label_weight: float = 0.5
    teacher_weight: float = 0.5
    temperature: float = 2.0
    keep_best: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("label_weight", "teacher_weight"):
            require_number(self, name, least=0, what="training")
        require_number(self, "temperature", above=0, what="training")
        if self.label_weight == self.teacher_weight == 0:
            raise UsageError(
                "training: neither the labels nor the teacher have any weight; set label_weight or "
                "teacher_weight above zero."
            )
        if self.teacher_weight == 0:
            refuse_idle(self, ("temperature",), "teacher_weight is 0", where="training")


def finetune(
    model: PreTrainedModel,
    task: LabelledTexts,
    tokenizer: Any,
    *,
    teacher: PreTrainedModel | None = None,
    teacher_tokenizer: Any = None,
    settings: FinetuneSettings,
    seed: int,
    accelerator: Accelerator,
    checkpoint: CheckpointFile | None = None,
    on_progress: Progress | None = None,
) -> LanguageResult:
    """Trains a sequence classifier on a task and judges it on the validation examples.

    Args:
        model: A classifier of transformers with ``task.outputs`` outputs (`with_head`).
        task: Texts or pairs of texts with classes or scores.
        tokenizer: That of the model.
        teacher: A classifier that was trained on the task; it reads every text once, before the
            training.
        teacher_tokenizer: That of the teacher, where it is another one.
        settings: Length, batches, optimiser, weights.
        seed: Of the order of the examples and of dropout.
        accelerator: The device and the processes.
        checkpoint: Where the state is kept; the same call continues from there.
        on_progress: Told how many of how many units are over, and the best score in words.

    Returns:
        With accuracy in [0, 1] or, for scores, Spearman's rank correlation as ``score``.

    Raises:
        UsageError: The outputs do not fit the task, a text is longer than model or teacher can
            read, or nothing is left to learn from.
        NasKdError: The loss is no longer finite, or a checkpoint cannot be written.
    """
    for role, network in (("model", model), ("teacher", teacher)):
        if network is not None and network.config.num_labels != task.outputs:
            raise UsageError(
                f"training: the {role} has {network.config.num_labels} outputs and {task.name} "
                f"takes {task.outputs}; give a {role} with a head for this task."
            )
    if teacher is None and settings.label_weight == 0:
        raise UsageError("training: label_weight is 0 and there is no teacher; give one of them.")
    train = encoded(task.train, tokenizer, settings.max_tokens)
    validation = encoded(task.validation, tokenizer, settings.max_tokens)
    require_positions("model", model, train, validation)
    taught = None
    if teacher is not None and settings.teacher_weight > 0:
        read = encoded(task.train, teacher_tokenizer or tokenizer, settings.max_tokens)
        taught = outputs_of(teacher.to(accelerator.device), read, role="teacher")
    loop = LanguageLoop(
        model,
        train,
        _TaskLoss(model, task, taught, settings, accelerator),
        settings=settings,
        seed=seed,
        accelerator=accelerator,
    )
    return train_language(
        loop,
        checkpoint=checkpoint,
        judge=lambda: task_score(task, outputs_of(model, validation), task.validation.targets),
        keep_best=settings.keep_best,
        on_progress=on_progress,
    )


class _TaskLoss:
    """The loss of a batch: labels and teacher by their weights."""

    def __init__(
        self,
        model: PreTrainedModel,
        task: LabelledTexts,
        taught: Tensor | None,
        settings: FinetuneSettings,
        accelerator: Accelerator,
    ) -> None:
        self._model = model
        self._task = task
        self._taught = taught
        self._settings = settings
        self._accelerator = accelerator
        self._kd = create_distiller("kd", temperature=settings.temperature)

    def __call__(
        self, batch: dict[str, Tensor], places: Tensor, moment: Moment
    ) -> Iterator[tuple[str, Tensor]]:
        with self._accelerator.autocast():
            outputs = self._model(**batch).logits.float()  # batch, output
        targets = self._task.train.targets[places].to(outputs.device)
        loss = torch.zeros((), device=outputs.device)
        if self._settings.label_weight > 0:
            loss = loss + self._settings.label_weight * self._from_labels(outputs, targets)
        if self._taught is not None:
            taught = self._taught[places].to(outputs.device)
            loss = loss + self._settings.teacher_weight * self._from_teacher(
                outputs, taught, targets
            )
        yield "loss", loss

    def _from_labels(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if self._task.is_regression:
            return F.mse_loss(outputs[:, 0], targets)
        return F.cross_entropy(outputs, targets)

    def _from_teacher(self, outputs: Tensor, taught: Tensor, targets: Tensor) -> Tensor:
        if self._task.is_regression:
            return F.mse_loss(outputs, taught)
        (value,) = self._kd(Outputs(outputs), Outputs(taught), targets).values()
        return value
