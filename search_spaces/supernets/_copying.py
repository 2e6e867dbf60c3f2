"""Copies of a supernet, which share the space that they belong to."""

from __future__ import annotations

import copy
from typing import Any, Self

from torch import nn

from search_spaces._space import SearchSpace


class OfSpace(nn.Module):
    """A module of a space. Spaces never change, and need not be copyable."""

    space: SearchSpace

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        memo[id(self.space)] = self.space
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied
