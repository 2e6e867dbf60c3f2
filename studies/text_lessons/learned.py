"""What a lesson is, and how it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nas_kd.data.text import LabelledTexts
from nas_kd.export.text_student import TextStudent
from nas_kd.training.checkpoint import CheckpointFile
from studies.observer import Observer

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Place:
    """Where a lesson keeps what is needed to go on with it.

    Attributes:
        folder: A folder for each of its trainings is made in it.
        identity: What is learned, as texts by name; checkpoints fit nothing else.
        observer: Told of the progress.
    """

    folder: Path
    identity: Mapping[str, str]
    observer: Observer

    def checkpoint(self, name: str) -> CheckpointFile:
        return CheckpointFile(self.folder / name, self.identity, self.observer.note)


@dataclass(frozen=True)
class Learned:
    """How a lesson went.

    Attributes:
        model: The student, trained, in eval mode, on the CPU.
        teacher: The teacher as it taught; None where nothing was learned from one.
        task: Facts about the task.
        teacher_facts: Facts about the teacher.
        metric: What ``score`` is: ``accuracy`` or ``spearman``.
        score: Of the student on the validation examples.
        history: A row for every unit of its training.
    """

    model: PreTrainedModel
    teacher: PreTrainedModel | None
    task: dict[str, Any]
    teacher_facts: dict[str, Any]
    metric: str
    score: float
    history: list[dict[str, float]]


class Lesson(Protocol):
    """Something that a student of text can learn from a teacher."""

    def teach(self, student: TextStudent, place: Place) -> Learned:
        """Teaches the student, whose weights are trained in place; the same call continues a
        training that was interrupted.

        Raises:
            UsageError: Student, teacher and examples do not fit together.
            NasKdError: A loss is no longer finite, or a checkpoint cannot be written.
        """
        ...


def source_of(teacher: str, checkpoint: Path | None) -> dict[str, Any]:
    """Where a teacher is from, and the file of its weights where these are not its own."""
    return {"source": teacher, **({} if checkpoint is None else {"checkpoint": str(checkpoint)})}


def facts_of(task: LabelledTexts, source: str) -> dict[str, Any]:
    """What there is to say of any task."""
    return {
        "source": source,
        "name": task.name,
        "train": len(task.train),
        "validation": len(task.validation),
    }
