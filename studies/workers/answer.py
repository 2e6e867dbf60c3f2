"""What is handed to workers and what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from search_spaces import Arch

Found = TypeVar("Found", covariant=True)
"""What is found out about an arch, such as a `Candidate`."""


@dataclass(frozen=True)
class Answer(Generic[Found]):
    """What became of one arch that a worker was given.

    Attributes:
        arch: The arch, as it was given.
        found: What was found out; None when the worker died over it.
    """

    arch: Arch
    found: Found | None


class Evaluates(Protocol[Found]):
    """Finds something out about one arch after the other."""

    def evaluate(self, arch: Arch) -> Found: ...


class Job(Protocol[Found]):
    """How archs are evaluated, in a form that other processes can be given."""

    def evaluator(self) -> Evaluates[Found]:
        """Made once in each process."""
        ...


class Workers(Protocol[Found]):
    """Evaluates several archs at once. An arch that raises, raises in `answers`."""

    @property
    def free(self) -> int:
        """How many more archs can be taken now."""
        ...

    def submit(self, arch: Arch) -> None:
        """Begins with one arch; there has to be a free place."""
        ...

    def answers(self, timeout_s: float) -> Sequence[Answer[Found]]:
        """What has been answered since; waits for the first answer, but not beyond the timeout."""
        ...

    def close(self) -> None:
        """Ends all work; nothing computes any more when this returns."""
        ...
