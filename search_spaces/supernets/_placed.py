"""`Placed`: an operation of a cell, where the stand-alone networks of a space hold it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Placed(NamedTuple):
    """An operation with all that decides what it costs.

    Attributes:
        operation: Its name.
        channels: Of the maps that it reads and gives.
        side: Of the map that it reads.
        stride: 2 where it halves the map.
    """

    operation: str
    channels: int
    side: int
    stride: int

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)``."""
        return self.channels, self.side, self.side


Uses = Mapping[str, Sequence[Sequence[Counter[Placed]]]]
"""Kind of cell to edge to operation to how often a network holds what, if it is chosen."""
