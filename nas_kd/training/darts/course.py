"""The cells that a search has leant to, and whether it is to stop early."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas_kd.training.darts.regularisation import sharpening_began
from search_spaces import Arch


class Course:
    """What the search told unit by unit.

    Args:
        early_stop: Whether a rise of the eigenvalue brings back the cell of an earlier unit.

    Attributes:
        went_back_to: The unit whose cell was brought back; None while the search goes on, and where
            it came to its own end.
    """

    def __init__(self, early_stop: bool) -> None:
        self._early_stop = early_stop
        self._eigenvalues: list[float] = []
        self._archs: list[str] = []
        self.went_back_to: int | None = None

    @property
    def brought_back(self) -> Arch | None:
        """The cell to which an early stop went back."""
        if self.went_back_to is None:
            return None
        return Arch.from_json(self._archs[self.went_back_to - 1])

    def add(self, arch: Arch, eigenvalue: float | None) -> None:
        """Told after every unit.

        Args:
            arch: The cell that the search leans to.
            eigenvalue: The dominant one of the Hessian of alpha, where it was looked at.
        """
        self._archs.append(arch.to_json())
        if eigenvalue is not None:
            self._eigenvalues.append(eigenvalue)
        if self._early_stop:
            self.went_back_to = sharpening_began(self._eigenvalues)

    def told(self) -> str:
        """Whose cell was brought back, in words; empty where none was."""
        return "" if self.went_back_to is None else f", that of unit {self.went_back_to}"

    def facts(self) -> dict[str, Any]:
        """For ``supernet.json``: the cell of each unit, as JSON, and which was brought back."""
        return {
            "archs": self._archs,
            "stopped_early": self.went_back_to is not None,
            "went_back_to": self.went_back_to,
        }

    def state(self) -> dict[str, Any]:
        return {
            "eigenvalues": self._eigenvalues,
            "archs": self._archs,
            "went_back_to": self.went_back_to,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self._eigenvalues, self._archs = list(state["eigenvalues"]), list(state["archs"])
        self.went_back_to = state["went_back_to"]
