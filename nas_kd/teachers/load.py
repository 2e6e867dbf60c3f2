"""From a teacher specification to a `Teacher`."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from nas_kd.errors import UsageError
from nas_kd.import_path import call_factory, require_module
from nas_kd.registry import unknown_name
from nas_kd.source_spec import SourceSpec
from nas_kd.teachers.anatomy import find_anatomy
from nas_kd.teachers.candidate import Candidate, become_teacher
from nas_kd.teachers.teacher import Teacher, TeacherTask
from nas_kd.teachers.timm_models import from_timm
from nas_kd.teachers.transformers_models import from_transformers
from nas_kd.teachers.weights import load_weights

_MODELS = {"timm": from_timm, "hf": from_transformers}
_FORMS = "timm:NAME, hf:NAME_OR_FOLDER, package.module:factory"


def parse_teacher(source: str) -> SourceSpec:
    """Reads a teacher's specification, without looking whether there is such a model.

    Raises:
        UsageError: Its kind or the package of a factory is unknown, or it names no model.
    """
    spec = SourceSpec.parse(source)
    if spec.kind in _MODELS:
        if not spec.target:
            raise UsageError(f"teacher: {source!r} names no model; write {spec.kind}:NAME.")
    elif not spec.is_import_path:
        known = unknown_name("teacher", spec.kind, ["digits-cnn", *_MODELS])
        raise UsageError(f"{known} Forms: {_FORMS}.")
    else:
        require_module(source, "teacher")
    return spec


def load_teacher(
    source: str, *, data: TeacherTask, checkpoint: Path | None = None, seed: int = 0
) -> Teacher:
    """Loads the trained classifier that ``source`` names.

    Args:
        source: ``timm:NAME`` (timm's pretrained weights), ``hf:NAME_OR_FOLDER`` (an image
            classifier of transformers), or ``package.module:factory``, the user's own code, which
            is imported and called and returns a module or a `Teacher`; it may ask for ``data``,
            ``num_classes`` and ``input_shape`` by name. Options follow as ``?name=value``;
            those of a factory are arguments of its own.
        data: What the teacher has to fit: its ``input_shape`` and ``num_classes``.
        checkpoint: Weights to fill it with (safetensors or a plain state dict).
        seed: Of what a model draws when it is built.

    Raises:
        UsageError: It is unknown, or it or its checkpoint does not fit the data.
        NasKdError: Its weights cannot be downloaded.
    """
    spec = parse_teacher(source)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if spec.kind in _MODELS:
            candidate = _MODELS[spec.kind](spec, data, has_checkpoint=checkpoint is not None)
            return become_teacher(candidate, spec, data, checkpoint)
        return _from_factory(spec, data, checkpoint)


def names_code(source: str) -> bool:
    """Whether a teacher's specification is code that would be imported and called."""
    spec = SourceSpec.parse(source)
    return spec.kind not in _MODELS and spec.is_import_path


def _from_factory(spec: SourceSpec, task: TeacherTask, checkpoint: Path | None) -> Teacher:
    made = call_factory(
        f"{spec.kind}:{spec.target}",
        role="teacher",
        data=task,
        num_classes=task.num_classes,
        input_shape=task.input_shape,
        options=spec.options,
    )
    if isinstance(made, nn.Module):
        name = spec.target.removesuffix("_teacher")
        return become_teacher(Candidate(made, name), spec, task, checkpoint)
    if not isinstance(made, Teacher):
        raise UsageError(
            f"teacher: {spec.text} returned {type(made).__name__}; return a torch module or a "
            f"nas_kd.teachers.Teacher."
        )
    if checkpoint is not None:
        load_weights(made.model, checkpoint, task)
    _check(made, task)
    return made


def _check(teacher: Teacher, task: TeacherTask) -> None:
    """Raises `UsageError` when a ready-made teacher does not fit or names what it has not."""
    find_anatomy(teacher.model, task.input_shape, task.num_classes)
    present = {name for name, _ in teacher.model.named_modules()}
    absent = [name for name in (teacher.head, *teacher.features) if name not in present]
    if absent:
        raise UsageError(
            f"teacher: {teacher.name} has no submodule {', '.join(absent)}; name its head and "
            f"features as in model.named_modules()."
        )
