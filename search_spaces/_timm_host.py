"""How timm builds a network of a given shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import nn

from search_spaces._arch import Arch
from search_spaces._space import Task


@dataclass(frozen=True)
class TimmHost:
    """``timm.create_model(name, **kwargs)`` builds the network; all values can be written as JSON.

    Attributes:
        name: A model of timm's registry whose constructor takes the shape.
        kwargs: The shape, on top of the model's own settings.
    """

    name: str
    kwargs: Mapping[str, Any]

    def create(self, **more: Any) -> nn.Module:
        """The network with timm's initialisation; ``more`` goes to its constructor, too."""
        import timm

        network: nn.Module = timm.create_model(self.name, **{**self.kwargs, **more})
        return network


@runtime_checkable
class Hosted(Protocol):
    """A space whose students timm builds; not part of what a `SearchSpace` has to offer."""

    def host(self, arch: Arch, task: Task) -> TimmHost:
        """How timm builds the student ``arch``.

        Raises:
            IllegalArchError: ``arch`` is not a member of the space.
        """
        ...
