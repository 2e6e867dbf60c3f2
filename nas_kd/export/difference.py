"""How far two computations of the same outputs lie apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-4
"""Largest difference allowed between ONNX Runtime and PyTorch."""


@dataclass(frozen=True)
class Difference:
    """The largest one over all batches.

    Attributes:
        max_abs: The absolute difference.
        scale: The largest magnitude of what was expected.
    """

    max_abs: float
    scale: float

    @classmethod
    def of(cls, pairs: Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Difference:
        """Of at least one pair of what was found and, of the same shape, what was expected."""
        found = [(np.abs(one - other).max(), np.abs(other).max()) for one, other in pairs]
        max_abs, scale = np.max(found, axis=0)
        return cls(float(max_abs), float(scale))

    @property
    def max_rel(self) -> float:
        """The difference as a share of the scale."""
        return self.max_abs / self.scale if self.scale > 0 else self.max_abs

    def within(self, tolerance: float) -> bool:
        """Whether it is at most this share of the scale or of 1, whichever is larger.

        False as well when a value is no number.
        """
        return self.max_abs <= tolerance * max(1.0, self.scale)
