"""``timm:NAME``: a model of timm with its pretrained weights, or with those of a checkpoint.

Options: ``pretrained=false`` leaves the weights untrained, ``input_size=N`` says what the weights
were trained on, ``normalise=data`` keeps the data's own normalisation; every other option goes to
``timm.create_model`` (``img_size=32``, ``patch_size=4``). Downloads read safetensors or plain
weights only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from nas_kd.errors import UsageError
from nas_kd.network import is_network_failure, unreachable
from nas_kd.registry import unknown_name
from nas_kd.source_spec import SourceSpec
from nas_kd.teachers.candidate import Candidate
from nas_kd.teachers.normalise_option import keeps_data_normalisation
from nas_kd.teachers.teacher import TeacherTask

_OURS = ("pretrained", "input_size", "normalise")
_HUBS = ("hf-hub:", "hf_hub:", "local-dir:")


def from_timm(spec: SourceSpec, task: TeacherTask, *, has_checkpoint: bool) -> Candidate:
    """Builds the model; without pretrained weights it is made for the task's channels and classes.

    Raises:
        UsageError: There is no such model, it does not take the options or channels, an option has
            a wrong value, or its pretrained weights are of another number of classes than it is
            built for.
        NasKdError: Its weights cannot be downloaded.
    """
    import timm

    name = spec.target
    if not name.startswith(_HUBS) and not timm.is_model(name):
        raise UsageError(unknown_name("timm models", name, _nearest(name, timm.list_models())))
    keeps_normalisation = keeps_data_normalisation(spec)
    pretrained = spec.flag("pretrained", not has_checkpoint) and not has_checkpoint
    options: dict[str, Any] = {k: v for k, v in spec.options.items() if k not in _OURS}
    if not pretrained:
        options = {"num_classes": task.num_classes, "in_chans": task.input_shape[0]} | options
    model = _create(spec, pretrained, options)
    configuration = getattr(model, "pretrained_cfg", None) or {}
    if pretrained:
        _require_trained_head(model, configuration, spec)
    shape = configuration.get("input_size") or (None, None, None)
    if pretrained and shape[0] not in (None, task.input_shape[0]):
        raise UsageError(
            f"teacher: {spec.text} takes images of {shape[0]} channels and the data has "
            f"{task.input_shape[0]}. Convert the data: put ?channels={shape[0]} after its name."
        )
    trained_size = shape[-1] if pretrained else None
    candidate = Candidate(model, name, input_size=spec.integer("input_size") or trained_size)
    trained = pretrained or has_checkpoint
    if not trained or keeps_normalisation or "mean" not in configuration:
        return candidate
    return Candidate(
        model,
        name,
        tuple(configuration["mean"]),
        tuple(configuration["std"]),
        candidate.input_size,
    )


def _create(spec: SourceSpec, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    import timm

    try:
        model: nn.Module = timm.create_model(spec.target, pretrained=pretrained, **options)
    except Exception as error:
        if is_network_failure(error):
            raise unreachable(
                f"teacher {spec.text}: its pretrained weights",
                instead="give the weights as a file with --checkpoint",
            ) from error
        raise UsageError(
            f"teacher: {spec.text} cannot be built ({type(error).__name__}: {error})."
        ) from error
    return model


def _require_trained_head(
    model: nn.Module, configuration: Mapping[str, Any], spec: SourceSpec
) -> None:
    """Refuses a number of classes for which timm leaves the pretrained head away."""
    trained, built = configuration.get("num_classes"), getattr(model, "num_classes", None)
    if None not in (trained, built) and trained != built:
        raise UsageError(
            f"teacher: the pretrained weights of {spec.text} know {trained} classes, and for "
            f"{built} its head would be random. Fine-tune it on your classes first and give its "
            "weights with --checkpoint."
        )


def _nearest(name: str, known: list[str]) -> list[str]:
    """A handful of names to show instead of more than a thousand."""
    import difflib

    return difflib.get_close_matches(name, known, n=8, cutoff=0.3) or known[:8]
