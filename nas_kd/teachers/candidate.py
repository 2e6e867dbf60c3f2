"""A model on its way to become a `Teacher`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from nas_kd.errors import UsageError
from nas_kd.source_spec import SourceSpec
from nas_kd.teachers.anatomy import Anatomy, find_anatomy
from nas_kd.teachers.class_order import order_by_name, reorder_outputs, says_nothing
from nas_kd.teachers.teacher import Teacher, TeacherTask
from nas_kd.teachers.weights import load_weights


@dataclass(frozen=True)
class Candidate:
    """A model with what its source says of it.

    Attributes:
        model: Images to logits.
        name: What to call it.
        mean: Per-channel mean that it was trained with, where the source says so.
        std: Per-channel standard deviation, likewise.
        input_size: Height and width that its weights were trained on, where the source says so.
        classes: Names of its outputs by number, likewise.
    """

    model: nn.Module
    name: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    input_size: int | None = None
    classes: tuple[str, ...] | None = None


def become_teacher(
    candidate: Candidate, spec: SourceSpec, task: TeacherTask, checkpoint: Path | None
) -> Teacher:
    """Loads the checkpoint, checks that the model fits the task, and finds where to tap it.

    Outputs with the names of the task's classes are brought into their order.

    Raises:
        UsageError: The checkpoint or the task does not fit.
    """
    if checkpoint is not None:
        load_weights(candidate.model, checkpoint, task)
    _require_size(candidate, spec, task)
    anatomy = find_anatomy(candidate.model, task.input_shape, task.num_classes)
    channels = task.input_shape[0]
    known = candidate.mean is not None and len(candidate.mean) == channels
    return Teacher(
        model=candidate.model,
        name=candidate.name,
        source=spec.text,
        num_classes=task.num_classes,
        features=anatomy.features,
        head=anatomy.head,
        mean=candidate.mean if known else None,
        std=candidate.std if known else None,
        classes=_in_order(candidate, anatomy, spec, task),
    )


def _in_order(
    candidate: Candidate, anatomy: Anatomy, spec: SourceSpec, task: TeacherTask
) -> tuple[str, ...] | None:
    """Brings the outputs into the order of the task's classes; their names afterwards."""
    found, classes = candidate.classes, task.classes
    if found is None or says_nothing(found, classes):
        return found
    order = order_by_name(found, classes)
    if order is None or order == sorted(order):
        return found
    head = candidate.model.get_submodule(anatomy.head)
    if not anatomy.ends_in_head or not isinstance(head, nn.Linear):
        raise UsageError(
            f"teacher: {spec.text} tells the data's classes apart in another order "
            f"({', '.join(found[:5])}), and its outputs cannot be reordered, since they are more "
            f"than those of {anatomy.head}. Give a classifier that ends in a linear layer."
        )
    reorder_outputs(head, order)
    return tuple(found[place] for place in order)


def _require_size(candidate: Candidate, spec: SourceSpec, task: TeacherTask) -> None:
    expected, size = candidate.input_size, task.input_shape[-1]
    if expected is not None and expected != size:
        separator = "&" if spec.options else "?"
        raise UsageError(
            f"teacher: {spec.text} was trained on images of {expected} pixels, and the data has "
            f"{size}. Set image_size = {expected} (--image-size {expected}), or, if the weights "
            f"really suit {size} pixels, say so: {spec.text}{separator}input_size={size}."
        )
