"""What is handed to workers and what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from search_spaces import Arch
from studies.candidates import Candidate


@dataclass(frozen=True)
class Answer:
    """What became of one arch that a worker was given.

    Attributes:
        arch: The canonical arch, as it was given.
        candidate: What was found out; None when the worker died over it.
    """

    arch: Arch
    candidate: Candidate | None


class Workers(Protocol):
    """Evaluates several archs at once. An arch that raises, raises in `answers`."""

    @property
    def free(self) -> int:
        """How many more archs can be taken now."""
        ...

    def submit(self, arch: Arch) -> None:
        """Begins with one canonical arch; there has to be a free place."""
        ...

    def answers(self, timeout_s: float) -> Sequence[Answer]:
        """What has been answered since; waits for the first answer, but not beyond the timeout."""
        ...

    def close(self) -> None:
        """Ends all work; nothing computes any more when this returns."""
        ...
