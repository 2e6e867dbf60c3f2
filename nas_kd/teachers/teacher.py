"""`Teacher`: a trained module with what the suite needs to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import nn


class TeacherTask(Protocol):
    """What a teacher has to fit; `nas_kd.data.DataSplits` is one."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape of one image, ``(channels, height, width)``."""
        ...

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        ...

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes by number."""
        ...


@dataclass
class Teacher:
    """A trained classifier, frozen and in eval mode.

    Attributes:
        model: Images ``(batch, channel, height, width)`` to logits ``(batch, class)``.
        name: What to call it.
        source: The specification that it was loaded from.
        num_classes: Size of its output.
        features: Names of the submodules whose outputs are its feature maps, shallow to deep; the
            last one is the map before pooling, or the tokens of a transformer.
        head: Name of the linear layer that gives the logits.
        mean: Mean of each channel that its inputs are normalised by; None leaves it to the data.
        std: Standard deviation of each channel, likewise.
        classes: Names of its outputs by number; None where its source names none.
    """

    model: nn.Module
    name: str
    source: str
    num_classes: int
    features: list[str]
    head: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        self.model.eval().requires_grad_(False)
