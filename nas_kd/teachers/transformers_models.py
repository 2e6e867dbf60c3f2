"""``hf:NAME_OR_FOLDER``: an image classifier of transformers, from the hub or a local folder.

Options: ``input_size=N`` says what the weights were trained on, ``normalise=data`` keeps the
data's own normalisation and leaves the image processor beside the weights unread. Outputs go by
the names of the classes (``id2label``) where the data have the same. No code that comes with a
model is run.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.errors import NasKdError, UsageError
from nas_kd.network import is_network_failure, unreachable
from nas_kd.source_spec import SourceSpec
from nas_kd.teachers.candidate import Candidate
from nas_kd.teachers.image_processor import PROCESSOR, image_processor
from nas_kd.teachers.normalise_option import keeps_data_normalisation
from nas_kd.teachers.pretrained import place_of
from nas_kd.teachers.teacher import TeacherTask

_RESCALE_FACTOR = 1 / 255
_INSTEAD = "keep the data's own normalisation with ?normalise=data"


class Logits(nn.Module):
    """A classifier of transformers that returns its logits ``(batch, class)`` alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(pixel_values=images).logits
        return logits


def from_transformers(spec: SourceSpec, task: TeacherTask, *, has_checkpoint: bool) -> Candidate:
    """Loads the model in float32; with a checkpoint only its configuration, for the task's classes.

    Raises:
        UsageError: It is not an image classifier, an option has a wrong value, its weights lack a
            trained head, or they want images that are not red, green, blue and scaled to 0 to 1
            before they are normalised.
        NasKdError: It cannot be downloaded.
    """
    spec.require_options(("input_size", "normalise"))
    keeps_normalisation = keeps_data_normalisation(spec)
    model = _from_configuration(spec, task) if has_checkpoint else _with_weights(spec)
    processor = None if keeps_normalisation else image_processor(spec, instead=_INSTEAD)
    channels = getattr(model.config, "num_channels", None)
    if channels not in (None, task.input_shape[0]):
        raise UsageError(
            f"teacher: {spec.text} takes images of {channels} channels and the data has "
            f"{task.input_shape[0]}. Convert the data: put ?channels={channels} after its name."
        )
    mean, std = _normalisation(processor, spec, task.input_shape[0])
    size = spec.integer("input_size") or _input_size(model.config, processor)
    classes = None if has_checkpoint else _classes(model.config)
    return Candidate(Logits(model), Path(spec.target).name, mean, std, size, classes)


def _with_weights(spec: SourceSpec) -> Any:
    from transformers import AutoModelForImageClassification

    try:
        model, report = AutoModelForImageClassification.from_pretrained(
            place_of(spec),
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:
        raise _failure(spec, error) from error
    if missing := sorted(report["missing_keys"]):
        raise UsageError(
            f"teacher: the weights of {spec.text} lack {', '.join(missing[:3])}: this is not a "
            f"trained classifier. Fine-tune it on your classes first, or give --checkpoint."
        )
    return model


def _from_configuration(spec: SourceSpec, task: TeacherTask) -> Any:
    from transformers import AutoConfig, AutoModelForImageClassification

    try:
        configuration = AutoConfig.from_pretrained(
            place_of(spec), trust_remote_code=False, num_labels=task.num_classes
        )
        return AutoModelForImageClassification.from_config(
            configuration, trust_remote_code=False, dtype=torch.float32
        )
    except Exception as error:
        raise _failure(spec, error) from error


def _classes(configuration: Any) -> tuple[str, ...] | None:
    """Names of the outputs by number; None where one of them has none."""
    names = [configuration.id2label.get(number) for number in range(configuration.num_labels)]
    return None if None in names else tuple(map(str, names))


def _normalisation(
    processor: Any, spec: SourceSpec, channels: int
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Mean and deviation of each channel of images from 0 to 1; None where none are stated."""
    if processor is None:
        return None, None
    _require_usual_images(processor, spec)
    if not getattr(processor, "do_normalize", True):
        return (0.0,) * channels, (1.0,) * channels
    mean, std = getattr(processor, "image_mean", None), getattr(processor, "image_std", None)
    if not mean or not std:
        return None, None
    return tuple(mean), tuple(std)


def _require_usual_images(processor: Any, spec: SourceSpec) -> None:
    """Refuses what an image processor may do to the pixels and is not done here."""
    if getattr(processor, "do_flip_channel_order", False):
        raise UsageError(
            f"teacher: the image processor of {spec.text} swaps red and blue "
            "(do_flip_channel_order), which is not done here. Wrap the model in a factory of your "
            "own that swaps them (package.module:factory), or, if its weights saw RGB images, set "
            f"do_flip_channel_order to false in its {PROCESSOR}."
        )
    factor = getattr(processor, "rescale_factor", _RESCALE_FACTOR)
    usual = isinstance(factor, float) and math.isclose(factor, _RESCALE_FACTOR, rel_tol=1e-3)
    if not (usual and getattr(processor, "do_rescale", True)):
        raise UsageError(
            f"teacher: the image processor of {spec.text} does not scale pixels to 0 to 1 "
            "(do_rescale, rescale_factor), as is done here. If its weights saw images that were "
            "scaled so and normalised with the data's own mean and deviation, add normalise=data "
            "to the teacher's options (NAME?normalise=data)."
        )


def _input_size(configuration: Any, processor: Any) -> int | None:
    size = getattr(configuration, "image_size", None)
    if isinstance(size, int):
        return size
    for attribute in ("crop_size", "size"):
        stated = getattr(processor, attribute, None) or {}
        for key in ("height", "shortest_edge"):
            value = stated.get(key) if hasattr(stated, "get") else None
            if value:
                return int(value)
    return None


def _failure(spec: SourceSpec, error: Exception) -> NasKdError:
    if is_network_failure(error):
        return unreachable(
            f"teacher {spec.text}", instead="give the folder of a model saved with save_pretrained"
        )
    return UsageError(
        f"teacher: {spec.text} cannot be loaded as an image classifier of transformers "
        f"({type(error).__name__}: {error}). Check the name or folder; code that comes with a "
        f"model is never run."
    )
