"""The contract of a supernet."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import nn

from search_spaces._arch import Arch
from search_spaces._space import SearchSpace


@runtime_checkable
class Supernet(Protocol):
    """A module that holds the shared weights of every student of a space.

    In eval mode the result for one arch does not depend on which others were computed before.
    Batch-norm statistics belong to the supernet as it was trained: they are re-estimated on what
    `extract` gives, never here.
    """

    @property
    def space(self) -> SearchSpace:
        """The space whose archs it computes."""
        ...

    def __call__(self, x: Any, arch: Arch) -> Any:
        """What the student ``arch`` computes for ``x`` with the shared weights."""
        ...

    def extract(self, arch: Arch) -> nn.Module:
        """A stand-alone student with copies of its weights.

        It is a genuine timm or transformers module where the shape allows it. In eval mode it
        equals the supernet's own forward: bit for bit where no scaling is folded in, else to 1e-5.
        """
        ...
