"""Sentence encoders: a student that puts sentences where its teacher has them to each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from torch import Tensor

from nas_kd.data.text import LabelledTexts, TextExamples, encoded
from nas_kd.distill import Outputs, create_distiller
from nas_kd.errors import UsageError
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.language.judging import (
    embeddings_of,
    pooled,
    rank_correlation,
    require_positions,
)
from nas_kd.training.language.loop import LanguageLoop, Moment
from nas_kd.training.language.settings import LoopSettings
from nas_kd.training.language.train import LanguageResult, train_language
from nas_kd.training.progress import Progress

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class EmbeddingSettings(LoopSettings):
    """How a student learns sentence embeddings; the values are ours.

    The loss compares all sentences of a batch with each other, so that a batch goes through the
    network as a whole.

    Raises:
        UsageError: A value is out of range, or splits a batch.
    """

    batch_size: int = 64
    sequences_at_once: int = 0
    learning_rate: float = 3e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.parts(self.batch_size) > 1:
            raise UsageError(
                "training: embeddings are learned from how the sentences of a batch lie to each "
                "other, and in parts most of them would not meet. Leave accumulate and "
                "sequences_at_once out, and lower batch_size to save memory."
            )


def distil_embeddings(
    student: PreTrainedModel,
    sentences: Sequence[str],
    tokenizer: Any,
    *,
    teacher: PreTrainedModel,
    teacher_tokenizer: Any = None,
    settings: EmbeddingSettings,
    seed: int,
    accelerator: Accelerator,
    checkpoint: CheckpointFile | None = None,
    on_progress: Progress | None = None,
) -> LanguageResult:
    """Trains a student by the similarities of its teacher's embeddings; labels are not needed.

    Args:
        student: A model without a head, of any width; on return it is trained, in eval mode.
        sentences: What it is trained on.
        tokenizer: That of the student.
        teacher: A sentence encoder that pools by the mean; it reads every sentence once.
        teacher_tokenizer: That of the teacher, where it is another one.
        settings: Length, batches, optimiser and schedule.
        seed: Of the order of the sentences and of dropout.
        accelerator: The device and the processes.
        checkpoint: Where the state is kept; the same call continues from there.
        on_progress: Told how many of how many units are over.

    Raises:
        UsageError: A sentence is longer than student or teacher can read, or a process gets none
            to compare with another.
        NasKdError: The loss is no longer finite, or a checkpoint cannot be written.
    """
    if min(len(sentences), settings.batch_size) < 2 * accelerator.num_processes:
        raise UsageError(
            f"training: of a batch of {settings.batch_size} out of {len(sentences)} sentences each "
            f"of {accelerator.num_processes} processes needs two to compare; raise batch_size, or "
            "give more sentences or fewer processes."
        )
    examples = TextExamples(tuple(sentences), None, torch.zeros(len(sentences)))
    sequences = encoded(examples, tokenizer, settings.max_tokens)
    read = encoded(examples, teacher_tokenizer or tokenizer, settings.max_tokens)
    require_positions("student", student, sequences)
    taught = embeddings_of(teacher.to(accelerator.device), read, role="teacher")
    loop = LanguageLoop(
        student,
        sequences,
        _SimilarityLoss(student, taught, accelerator),
        settings=settings,
        seed=seed,
        accelerator=accelerator,
    )
    return train_language(loop, checkpoint=checkpoint, on_progress=on_progress)


def similarity_score(
    model: PreTrainedModel,
    task: LabelledTexts,
    tokenizer: Any,
    *,
    max_tokens: int = 128,
) -> float:
    """Spearman's rank correlation of cosines and scores on the validation pairs (STS).

    Raises:
        UsageError: The task is not about pairs with scores, or a text is longer than the model
            can read.
    """
    examples = task.validation
    if examples.seconds is None or not task.is_regression:
        raise UsageError(
            f"data {task.name}: similarity is judged on pairs of texts with scores; name the "
            "second text and set regression=true."
        )
    firsts, seconds = (
        embeddings_of(
            model, encoded(TextExamples(texts, None, examples.targets), tokenizer, max_tokens)
        )
        for texts in (examples.texts, examples.seconds)
    )
    return rank_correlation((firsts * seconds).sum(1), examples.targets)


class _SimilarityLoss:
    """The loss of a batch."""

    def __init__(self, student: PreTrainedModel, taught: Tensor, accelerator: Accelerator) -> None:
        self._student = student
        self._taught = taught
        self._accelerator = accelerator
        self._distiller = create_distiller("sentence_similarity")

    def __call__(
        self, batch: dict[str, Tensor], places: Tensor, moment: Moment
    ) -> Iterator[tuple[str, Tensor]]:
        with self._accelerator.autocast():
            found = pooled(self._student, batch)
        taught = self._taught[places].to(found.device)
        ours, theirs = (
            Outputs(rows.new_zeros(len(rows), 0), pooled=rows) for rows in (found, taught)
        )
        yield from self._distiller(ours, theirs, torch.zeros(len(found))).items()
