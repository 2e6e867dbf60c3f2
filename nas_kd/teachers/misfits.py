"""Why weights do not fit a module, and what helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from nas_kd.teachers.teacher import TeacherTask

_SHOWN = 3
_CONVERTIBLE = (1, 3)
"""Channels that the option ``channels`` of data makes."""


def misfits(
    expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], task: TeacherTask | None
) -> str | None:
    """What does not fit and what to do, as the rest of a sentence; None where all fits.

    Args:
        expected: Of the module.
        weights: Of the checkpoint.
        task: The data for which the module was built, where it was: weights of images with other
            channels or of other classes are then told as such.
    """
    shapes = sorted(
        name
        for name in expected.keys() & weights.keys()
        if weights[name].shape != expected[name].shape
    )
    kinds = {
        "missing": sorted(expected.keys() - weights.keys()),
        "unexpected": sorted(weights.keys() - expected.keys()),
        "of another shape": [
            f"{name} {tuple(weights[name].shape)} instead of {tuple(expected[name].shape)}"
            for name in shapes
        ],
    }
    wrong = [f"{len(names)} {kind} ({some(names)})" for kind, names in kinds.items() if names]
    if not wrong:
        return None
    if task is not None and not kinds["missing"] and not kinds["unexpected"]:
        pairs = {name: (expected[name], weights[name]) for name in shapes}
        if told := _of_other_data(pairs, task):
            return told
    return (
        f"{'; '.join(wrong)}. Give the checkpoint of this very architecture and number of classes."
    )


def _of_other_data(pairs: Mapping[str, tuple[Tensor, Tensor]], task: TeacherTask) -> str | None:
    """The misfit as one of channels and classes; None where other weights differ, too."""
    ours = (task.input_shape[0], task.num_classes)
    channels, classes = set[int](), set[int]()
    for wanted, found in pairs.values():
        if _differs_only_at(1, wanted, found) and wanted.dim() == 4 and wanted.shape[1] == ours[0]:
            channels.add(found.shape[1])
        elif _differs_only_at(0, wanted, found) and wanted.shape[0] == ours[1]:
            classes.add(found.shape[0])
        else:
            return None
    if len(channels) > 1 or len(classes) > 1:
        return None
    facts, advice = list[str](), list[str]()
    for theirs in channels:
        facts.append(f"checkpoint: images of {_counted(theirs, 'channel')}, data: {ours[0]}")
        advice.append(
            f"Convert the data: put ?channels={theirs} after its name, as in "
            f"folder:PATH?channels={theirs}."
            if theirs in _CONVERTIBLE
            else f"Give images of {_counted(theirs, 'channel')}."
        )
    for theirs in classes:
        facts.append(f"checkpoint: {theirs} classes, data: {ours[1]}")
        advice.append("Give a checkpoint of the data's classes, or the data of its classes.")
    return f"{'; '.join(facts)}. {' '.join(advice)}"


def _differs_only_at(place: int, wanted: Tensor, found: Tensor) -> bool:
    """Whether two tensors are of one shape but for one dimension, which differs."""
    if wanted.dim() != found.dim():
        return False
    sizes = enumerate(zip(wanted.shape, found.shape, strict=True))
    return [index for index, (one, other) in sizes if one != other] == [place]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def some(names: Sequence[str]) -> str:
    """The first few names."""
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
