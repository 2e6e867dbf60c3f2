"""A student starts from the teacher's weights, wherever the two networks have the same layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError

Signature = tuple[Any, ...]

LEAST_SHARE = 0.9

_GEOMETRY = (
    "stride", "padding", "padding_mode", "dilation", "groups", "transposed", "num_groups",
    "num_heads", "num_embeddings", "normalized_shape",
)  # fmt: skip
_HEADS = ("num_heads", "head_dim", "num_attention_heads", "attention_head_size")
"""How an attention, which may have no parameters of its own, reads those of the layers in it."""


@dataclass(frozen=True)
class Inheritance:
    """Which layers of a student have a counterpart in its teacher.

    Attributes:
        layers: Names of the student's layers to the names of their counterparts, in order.
        share: Share of the student's parameters that lie in these layers.
        from_end_to_end: Whether the first and the last layers of both networks are among them.
    """

    layers: dict[str, str]
    share: float
    from_end_to_end: bool

    def copy(self, teacher: nn.Module, student: nn.Module) -> None:
        """Copies parameters and statistics of all counterparts; the other layers stay."""
        with torch.no_grad():
            for name, counterpart in self.layers.items():
                source = _tensors(teacher.get_submodule(counterpart))
                for key, tensor in _tensors(student.get_submodule(name)).items():
                    tensor.copy_(source[key])


def inherit(student: nn.Module, teacher: nn.Module, init: str) -> float:
    """Starts ``student`` as ``init`` says (`TrainingSettings`).

    Returns:
        The share of its parameters that are now the teacher's.

    Raises:
        UsageError: ``init`` is ``teacher`` and the networks have no layer in common.
    """
    if init == "random":
        return 0.0
    inheritance = find_inheritance(student, teacher)
    if init == "teacher" and not inheritance.layers:
        raise UsageError(
            f"training: init = 'teacher', but no layer of {type(student).__name__} has the shape "
            f"of one of {type(teacher).__name__}. Use 'auto' or 'random'."
        )
    if init == "auto" and not _is_meant(inheritance):
        return 0.0
    inheritance.copy(teacher, student)
    return inheritance.share


def find_inheritance(student: nn.Module, teacher: nn.Module) -> Inheritance:
    """Aligns the layers of two networks, each taken in the order of its definition.

    A layer has a counterpart of the same shapes and geometry (stride, padding, groups, the heads of
    the attention that it is part of); the order is kept, each counterpart serves once, and as many
    parameters as possible are aligned. Where several layers would do, the earliest is taken, so
    that a stage that is cut short keeps its first blocks whole.

    Source: layers of the teacher as the student's start, as in DistilBERT (Sanh et al. 2019, arXiv
    1910.01108, section 3). Deviation: the first layers instead of every other one, since stages of
    residual networks depend most on their first blocks (Veit, Wilber and Belongie 2016, arXiv
    1605.06431), and any two networks instead of two BERTs.
    """
    mine, theirs = _layers(student), _layers(teacher)
    pairs = _longest_common(mine, theirs)
    aligned = sum(_size(layer) for layer, _ in pairs)
    total = sum(parameter.numel() for parameter in student.parameters())
    ends = [(mine[0], theirs[0]), (mine[-1], theirs[-1])] if mine and theirs else []
    return Inheritance(
        {layer.name: counterpart.name for layer, counterpart in pairs},
        min(1.0, aligned / total) if total else 0.0,
        bool(ends) and all(pair in pairs for pair in ends),
    )


def _is_meant(inheritance: Inheritance) -> bool:
    """Whether the networks are of one kind, instead of some of their shapes being equal by chance.

    A student of another kind or width shares neither its stem nor its classifier with the teacher.
    """
    return inheritance.from_end_to_end and inheritance.share >= LEAST_SHARE


@dataclass(frozen=True)
class _Layer:
    """A module with parameters of its own."""

    name: str
    module: nn.Module
    signature: Signature


def _layers(network: nn.Module) -> list[_Layer]:
    modules = dict(network.named_modules())
    return [
        _Layer(name, module, _signature(module, modules[name.rpartition(".")[0]]))
        for name, module in modules.items()
        if next(module.parameters(recurse=False), None) is not None
    ]


def _signature(module: nn.Module, parent: nn.Module) -> Signature:
    shapes = tuple((key, tuple(tensor.shape)) for key, tensor in sorted(_tensors(module).items()))
    return shapes, _values(module, _GEOMETRY), _values(parent, _HEADS)


def _values(module: nn.Module, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(getattr(module, name, None)) for name in names)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """A module's own parameters and buffers."""
    own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    return {name: tensor.data for name, tensor in own}


def _size(layer: _Layer) -> int:
    return sum(parameter.numel() for parameter in layer.module.parameters(recurse=False))


def _longest_common(mine: list[_Layer], theirs: list[_Layer]) -> list[tuple[_Layer, _Layer]]:
    """The common subsequence of the most parameters, with the earliest counterparts."""
    sizes = [_size(layer) for layer in mine]
    best = [[0] * (len(theirs) + 1) for _ in range(len(mine) + 1)]
    for i in reversed(range(len(mine))):
        for j in reversed(range(len(theirs))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1])
            if mine[i].signature == theirs[j].signature:
                best[i][j] = max(best[i][j], sizes[i] + best[i + 1][j + 1])
    pairs = []
    i = j = 0
    while i < len(mine) and j < len(theirs):
        same = mine[i].signature == theirs[j].signature
        if same and best[i][j] == sizes[i] + best[i + 1][j + 1]:
            pairs.append((mine[i], theirs[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            i += 1
    return pairs
