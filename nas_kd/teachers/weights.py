"""Weights from files, without running anything that is in them."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from nas_kd.teachers.misfits import misfits, some
from nas_kd.teachers.teacher import TeacherTask

_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "weights")
_PREFIXES = ("module.", "_orig_mod.")
_HELD = "model."
"""Prefix of the weights of a module that another one holds as its ``model``."""


def load_weights(module: nn.Module, path: Path, task: TeacherTask | None = None) -> None:
    """Fills ``module`` with the weights at ``path``; every name and shape has to fit.

    ``.safetensors`` files are read by safetensors, all others by ``torch.load`` with
    ``weights_only=True``, which refuses pickled objects. Common wrappers (``state_dict``,
    ``model``) and the prefixes of data-parallel and compiled modules are taken off, and ``model.``
    is taken off or put before all names where they fit only so. Of a weight that ``module`` has
    under several names, one is enough.

    Args:
        module: What is filled.
        path: The file.
        task: The data for which ``module`` was built, where it was, to say how the checkpoint's
            differ.

    Raises:
        UsageError: The file is missing, damaged, holds more than tensors or values that are not
            finite, or does not fit; ``module`` is then unchanged.
    """
    weights = _with_shared(_as_named_in(module, _unwrapped(_read(path), path)), module)
    if problem := misfits(module.state_dict(), weights, task):
        raise UsageError(f"checkpoint: {path} does not fit {type(module).__name__}: {problem}")
    broken = [
        name
        for name, value in weights.items()
        if value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]
    if broken:
        raise UsageError(
            f"checkpoint: {path} holds NaN or infinite values ({some(broken)}). "
            f"Give weights from before the training failed."
        )
    module.load_state_dict(weights)


def _as_named_in(module: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights, of a model inside the module or of a module around it, by its own names."""
    expected = module.state_dict().keys()
    if expected & weights.keys():
        return weights
    inside = {f"{_HELD}{name}": value for name, value in weights.items()}
    around = {name.removeprefix(_HELD): value for name, value in weights.items()}
    return next((named for named in (inside, around) if expected & named.keys()), weights)


def _with_shared(weights: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """The weights, also by the other names that ``module`` has for the same parameter."""
    by_name = dict(module.named_parameters(remove_duplicate=False))
    there = {id(by_name[name]): weights[name] for name in by_name.keys() & weights.keys()}
    others = {
        name: there[id(parameter)]
        for name, parameter in by_name.items()
        if name not in weights and id(parameter) in there
    }
    return weights | others


def _read(path: Path) -> Mapping[Any, object]:
    if not path.is_file():
        raise UsageError(f"checkpoint: there is no file {path}.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the pickle protocol of hostile files
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UsageError(
            f"checkpoint: {path} holds pickled objects or is damaged; it was not loaded and "
            f"nothing in it was run. Save the weights alone: "
            f"torch.save(model.state_dict(), path) or "
            f"safetensors.torch.save_model(model, path)."
        ) from error
    except Exception as error:  # safetensors and torch raise many kinds
        raise UsageError(
            f"checkpoint: {path} cannot be read ({type(error).__name__}: {error}). "
            f"Copy or save it again."
        ) from error
    if not isinstance(content, Mapping):
        raise UsageError(
            f"checkpoint: {path} holds a {type(content).__name__}, not a mapping of names to "
            f"tensors. Save model.state_dict()."
        )
    return content


def _unwrapped(content: Mapping[Any, object], path: Path) -> dict[str, Tensor]:
    for wrapper in _WRAPPERS:
        inner = content.get(wrapper)
        if isinstance(inner, Mapping):
            content = inner
    foreign = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    if foreign or not content:
        raise UsageError(
            f"checkpoint: {path} is not a mapping of names to tensors "
            f"({some(foreign) or 'it is empty'}). Save model.state_dict()."
        )
    weights = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights
