"""A student on disk: its weights, and the configuration that builds it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from nas_kd.errors import UsageError, first_line
from nas_kd.export.file_names import CONFIG, PROVENANCE, WEIGHTS
from nas_kd.export.manifest import require_intact
from nas_kd.export.preprocess import Preprocess
from nas_kd.tensor_files import save_tensors
from nas_kd.whole_files import write_whole
from search_spaces import Arch, Hosted, SearchSpace, Task, create_space

SCHEMA = "nas-kd.student/1"


@dataclass(frozen=True)
class Student:
    """A student ready for use: ``student.module(student.preprocess(images))`` gives its logits.

    Attributes:
        module: In eval mode, on the CPU.
        task: What it was built for.
        classes: Names of the classes, in the order of the logits.
        preprocess: From images to the module's input.
        arch: Its genome.
        space: The space that built it.
        config: The configuration as it is on disk, with provenance.
    """

    module: nn.Module
    task: Task
    classes: list[str]
    preprocess: Preprocess
    arch: Arch
    space: SearchSpace
    config: dict[str, Any]


def save_student(
    directory: Path,
    *,
    module: nn.Module,
    space_name: str,
    space_options: Mapping[str, int],
    arch: Mapping[str, int | str],
    task: Task,
    classes: Sequence[str],
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    provenance: Mapping[str, Any],
) -> None:
    """Writes ``model.safetensors`` and ``config.json``; earlier files are replaced whole.

    Where timm itself builds the student, the configuration says how: ``timm.create_model(name,
    **kwargs)`` takes the weights as they are, without this package.

    Args:
        directory: Made if it does not exist.
        module: The trained student.
        space_name: Registered name of its space.
        space_options: The space's options.
        arch: Its genome.
        task: What it was built for.
        classes: Names of the classes, in the order of the logits.
        mean: Per-channel mean that training subtracted from values in [0, 1].
        std: Per-channel standard deviation that training divided by.
        provenance: Where it comes from (teacher, data, ...), as JSON values.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    config = {
        "schema": SCHEMA,
        "space": {"name": space_name, "options": dict(space_options)},
        "arch": dict(arch),
        "task": asdict(task),
        **_timm(create_space(space_name, **space_options), Arch(arch), task),
        "classes": [str(name) for name in classes],
        "mean": None if mean is None else [float(value) for value in mean],
        "std": None if std is None else [float(value) for value in std],
        "provenance": dict(provenance),
    }
    tensors = {k: v.detach().clone() for k, v in module.state_dict().items()}
    save_tensors(directory / WEIGHTS, tensors, {"format": "pt"})
    write_whole(directory / CONFIG, json.dumps(config, indent=2) + "\n")


def _timm(space: SearchSpace, arch: Arch, task: Task) -> dict[str, Any]:
    """How timm builds the student; nothing where timm does not."""
    return {"timm": asdict(space.host(arch, task))} if isinstance(space, Hosted) else {}


def load_student(directory: Path | str) -> Student:
    """Loads a student directory.

    >>> student = load_student("runs/digits/students/1")  # doctest: +SKIP
    >>> logits = student.module(student.preprocess(images))  # doctest: +SKIP

    Nothing in the directory is executed: the configuration is JSON, the weights are safetensors,
    and the module's code is the space's.

    Raises:
        UsageError: A file is missing or damaged, is not the one of the student's manifest, or
            weights and configuration do not fit; or the student is one of text.
    """
    directory = Path(directory)
    if (directory / PROVENANCE).is_file():
        raise UsageError(
            f"student: {directory} holds a student of text. Load it with "
            "nas_kd.export.load_text_student."
        )
    config = _read_config(directory / CONFIG)
    require_intact(directory, {CONFIG, WEIGHTS}.__contains__)
    try:
        task = Task(**{name: _integer(config["task"][name]) for name in Task.__annotations__})
        arch = Arch(config["arch"])
        options = {str(k): _integer(v) for k, v in config["space"]["options"].items()}
        name, classes = str(config["space"]["name"]), [str(c) for c in config["classes"]]
        mean, std = (_numbers(config[key], task.in_channels) for key in ("mean", "std"))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(
            f"student: {directory / CONFIG} is not a student's configuration "
            f"({type(error).__name__}: {first_line(error)}). Export the student again."
        ) from error
    space = create_space(name, **options)
    weights = _read_weights(directory / WEIGHTS)
    module = _build(space, arch, task, weights, directory)
    preprocess = Preprocess(task.input_shape, mean, std)
    return Student(module, task, classes, preprocess, arch, space, config)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"student: {path} cannot be read ({error.strerror or error}). Give a student "
            f"directory with {CONFIG} and {WEIGHTS}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"student: {path} is not JSON ({first_line(error)}).") from error
    if not isinstance(config, dict) or config.get("schema") != SCHEMA:
        raise UsageError(f"student: {path} is not a configuration of schema {SCHEMA}.")
    return config


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        weights: dict[str, Tensor] = load_file(str(path))
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError(
            f"student: {path} cannot be read ({first_line(error)}). It must be a complete "
            "safetensors file; export the student again."
        ) from error
    return weights


def _build(
    space: SearchSpace, arch: Arch, task: Task, weights: dict[str, Tensor], directory: Path
) -> nn.Module:
    """Builds the student and fills it; where sizes are known, before any memory is taken."""
    stored = sum(tensor.numel() for tensor in weights.values())
    try:
        sizes = space.sizes(arch, task)
        if sizes is not None and sizes.params > stored:
            raise _misfit(directory, f"{sizes.params} parameters, and {stored} are stored")
        with torch.random.fork_rng(devices=[]):
            module = space.build(arch, task)
    except UsageError:
        raise
    except (TypeError, ValueError, RuntimeError, OverflowError, MemoryError) as error:
        raise UsageError(
            f"student: the configuration in {directory} cannot be built ({first_line(error)})."
        ) from error
    expected = {name: tensor.shape for name, tensor in module.state_dict().items()}
    found = {name: tensor.shape for name, tensor in weights.items()}
    differing = sorted(name for name, _ in expected.items() ^ found.items())
    if differing:
        raise _misfit(directory, f"another shape of {differing[0]!r}, or none")
    module.load_state_dict(weights)
    return module.eval()


def _misfit(directory: Path, what: str) -> UsageError:
    return UsageError(
        f"student: {WEIGHTS} and {CONFIG} in {directory} do not fit: the configuration wants "
        f"{what}. They must come from the same export."
    )


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not an integer")
    return value


def _numbers(values: Any, count: int) -> tuple[float, ...] | None:
    if values is None:
        return None
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} values for {count} channels")
    return numbers
