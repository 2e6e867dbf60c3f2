"""What ``nas-kd measure`` can be pointed at, as an ONNX file with its counts."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.cli.student_folders import best_student, holds_text
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from nas_kd.costs import CountRecord

_WHAT = "an .onnx file, a student directory, a run directory, timm:NAME or hf:NAME_OR_FOLDER"


@dataclass(frozen=True)
class Target:
    """A model that can be measured.

    Attributes:
        name: What the user asked for, made precise.
        onnx: The file that is measured.
        counts: MACs for one input, and parameters.
    """

    name: str
    onnx: Path
    counts: CountRecord


def find_target(model: str, workspace: Path) -> Target:
    """Resolves MODEL; files that have to be made go to ``workspace``.

    Raises:
        UsageError: It is none of the things that can be measured.
        NasKdError: It is on a hub that cannot be reached.
    """
    if model.startswith("timm:"):
        return _timm(model, workspace)
    if model.startswith("hf:"):
        from nas_kd.cli.hf_targets import hf_target

        return hf_target(model, workspace)
    path = Path(model)
    if path.is_dir():
        return _directory(path, workspace)
    if path.suffix == ".onnx" and path.is_file():
        from nas_kd.costs.onnx_macs import count_onnx

        return Target(str(path), path, count_onnx(path))
    found = "cannot be measured" if path.exists() else "does not exist"
    raise UsageError(f"measure: {model} {found}. Give {_WHAT}.")


def _directory(path: Path, workspace: Path) -> Target:
    from nas_kd.costs import count_macs
    from nas_kd.export import delivered_onnx, load_student
    from nas_kd.export.file_names import ONNX
    from nas_kd.export.manifest import require_intact

    directory = best_student(path)
    onnx = delivered_onnx(directory)
    if not onnx.is_file():
        lowered = "".join(onnx.suffixes[:-1]).replace(".", " --")
        raise UsageError(
            f"student: {onnx} is missing. Make it with: "
            f"nas-kd export {shlex.quote(str(directory))}{lowered}"
        )
    require_intact(directory, lambda name: name.startswith(onnx.name))
    if holds_text(directory):
        return _text_student(directory, onnx, workspace)
    student = load_student(directory)
    name = str(directory) if onnx.name == ONNX else f"{directory} ({onnx.name})"
    return Target(name, onnx, count_macs(student.module, student.task.input_shape))


def _text_student(directory: Path, onnx: Path, workspace: Path) -> Target:
    """A student of text, at the length of a paragraph or as long as it reads."""
    from nas_kd.costs import count_macs
    from nas_kd.costs.token_latency import at_length
    from nas_kd.costs.tokens import example_tokens
    from nas_kd.export.text_delivery import readable_lengths
    from nas_kd.export.text_student import load_text_student

    model = load_text_student(directory).model
    length = readable_lengths(model)[-1]
    fixed = at_length(onnx, length, workspace / f"student-{length}.onnx")
    counts = count_macs(model, example_tokens(model, 1, length))
    return Target(f"{directory} ({length} tokens)", fixed, counts)


def _timm(model: str, workspace: Path) -> Target:
    """An untrained timm model: neither its MACs nor its latency depend on the weights."""
    import timm
    import torch

    from nas_kd.costs import count_macs
    from nas_kd.export import export_onnx
    from nas_kd.registry import unknown_name
    from nas_kd.source_spec import SourceSpec

    spec = SourceSpec.parse(model)
    if not timm.is_model(spec.target.split(".")[0]):
        raise UsageError(unknown_name("timm models", spec.target, timm.list_models())[:400])
    options: dict[str, Any] = {n: v for n, v in spec.options.items() if n != "image_size"}
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module = timm.create_model(spec.target, **options).eval()
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"timm: {model} cannot be built ({error}).") from error
    channels, height, width = module.pretrained_cfg["input_size"]
    channels = spec.integer("in_chans") or channels
    size = spec.integer("image_size") or spec.integer("img_size")
    shape = (channels, size or height, size or width)
    onnx = export_onnx(module, shape, workspace / f"{spec.target}.onnx")
    return Target(model, onnx, count_macs(module, shape))
