"""States of trainings, as they are kept and compared."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def stored(state: Any) -> Any:
    """The state as it comes back from a file."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def alike(one: Any, other: Any) -> bool:
    """Whether two states hold the same; what is no number is equal to itself."""
    if isinstance(one, Tensor):
        return (
            one.shape == other.shape
            and torch.equal(one == one, other == other)
            and torch.equal(one.nan_to_num(), other.nan_to_num())
        )
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other or (one != one and other != other))
