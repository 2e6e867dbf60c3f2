"""What ``nas-kd measure`` can be pointed at, as an ONNX file with its counts."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def best_student(path: Path) -> Path:
    """The student directory at ``path``: itself, or the best student of a run.

    Raises:
        UsageError: There is none.
    """
    if (path / "config.json").is_file():
        return path
    if holds_text(best := path / "students" / "1"):
        return best
    from studies.run_directory import RunDirectory

    run = RunDirectory(path)
    if students := run.students:
        return students[0]
    if run.recipe_json.is_file() or run.kind_without_trials():
        raise UsageError(
            f"student: the run {path} has not delivered a student yet. "
            "Finish it with the nas-kd command that began it."
        )
    _refuse_pretraining(path)
    raise UsageError(f"student: {path} holds neither a student (config.json) nor a run.")


def _refuse_pretraining(path: Path) -> None:
    """Raises `UsageError`, which says how to come by a student, where a supernet is trained."""
    from nas_kd.training.pretraining import PretrainingFolder

    folder = PretrainingFolder.open(path)
    if folder is None:
        return
    facts = folder.facts()
    if facts is None:
        raise UsageError(
            f"student: {path} holds a supernet whose training is not finished. Finish it with the "
            "nas-kd pretrain command that began it."
        )
    if arch := facts.get("arch"):
        shown = shlex.quote(json.dumps(arch))
        raise UsageError(
            f"student: {path} holds a supernet, which has found a cell. Train a student of it: "
            f"nas-kd distill {shown}, with its --space, --data and --teacher."
        )
    raise UsageError(
        f"student: {path} holds a supernet. Take a student out of it: nas-kd search --supernet "
        f"{shlex.quote(str(path))} --budget macs=50%"
    )


def holds_text(directory: Path) -> bool:
    """Whether a student directory holds one of text."""
    return (directory / "provenance.json").is_file()


def belongs(file: Path, directory: Path) -> bool:
    """Whether the file lies in the student directory, whose manifest then tells of it."""
    return file.resolve().parent == directory.resolve()


def _directory(path: Path, workspace: Path) -> Target:
    from nas_kd.costs import count_macs
    from nas_kd.export import delivered_onnx, load_student
    from nas_kd.export.manifest import ONNX, require_intact

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
