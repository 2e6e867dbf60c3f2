"""What is told of a teacher of texts before a student learns from it."""

from __future__ import annotations

import torch

from nas_kd.data.text import LabelledTexts
from nas_kd.teachers.doubt import is_guess
from nas_kd.teachers.task_teacher import TaskTeacher
from studies.observer import Observer

_NAMED = 10
"""Classes that are told one by one."""


def tell_outputs(teacher: TaskTeacher, task: LabelledTexts, observer: Observer) -> None:
    """Says which output of a classifier is taken for which class; nothing where it has a new head
    or the task has scores."""
    if not teacher.outputs:
        return
    pairs = list(zip(teacher.outputs, task.classes, strict=True))
    told = ", ".join(f"{output} is {name}" for output, name in pairs[:_NAMED])
    more = f" and {len(pairs) - _NAMED} more" if len(pairs) > _NAMED else ""
    how = "by their names" if teacher.ordered_by_name else "in the order of the classes"
    observer.note(f"The outputs of the teacher {teacher.source} are taken {how}: {told}{more}.")


def tell_score(score: float, task: LabelledTexts, observer: Observer, *, advice: str) -> None:
    """Says how right a teacher is on the validation texts, and warns where it only guesses.

    Args:
        score: Accuracy, or Spearman's correlation of scores.
        task: Whose validation texts they are.
        observer: Who is told.
        advice: What may be wrong with a teacher that guesses, in a sentence.
    """
    if task.is_regression:
        guessing = 0.0
        told = f"The teacher's scores agree with the validation texts' at {score:.2f} (Spearman)"
        beside = "where 0 is guessing"
    else:
        guessing = _most_frequent(task)
        told = f"The teacher is right on {score:.1%} of the validation texts"
        beside = f"where always naming the most frequent class is on {guessing:.1%}"
    if is_guess(score, guessing):
        observer.note(f"WARNING: {told}, {beside}. A student learns nothing from it. {advice}")
    else:
        observer.note(f"{told}, {beside}.")


def _most_frequent(task: LabelledTexts) -> float:
    """The share of the most frequent class among the validation examples."""
    counts = torch.bincount(task.validation.targets, minlength=task.outputs)
    return float(counts.max()) / len(task.validation)
