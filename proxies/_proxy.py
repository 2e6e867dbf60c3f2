"""`Proxy`: a training-free score, with what it needs and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from nas_kd.errors import UsageError
from proxies._initialise import SCHEMES
from proxies._probe import FACTS, Probe

Score: TypeAlias = Callable[[Probe, Probe | None], float]
"""From the student's probe, and the teacher's where one is needed, to a score."""

NEEDS = FACTS | {"labels", "teacher", "costs", "wanted_size", "model", "attention"}

INPUTS = ("images", "noise")


@dataclass(frozen=True)
class Proxy:
    """A score of an untrained student, larger is better.

    Attributes:
        name: Its name in the registry.
        function: The score itself; it may return NaN or -inf for a network without signal.
        needs: Facts it reads, which `Probe.announce` explains, and of ``labels`` (true classes),
            ``teacher`` (a second probe), ``costs`` (counted sizes), ``wanted_size`` (the costs
            ``params_centre`` and ``params_width``, if the search gives them), ``model`` (the
            weights), ``attention`` (a transformer) those that must be there.
        initialisation: The weights it assumes, see `initialise`; ``none`` where it reads no
            weights.
        source: Paper and equation.
        cost: What it costs beside the shared forward pass: ``free``, ``forward``, ``backward``
            or a phrase.
        batch: What it looks at, in words.
        input: What the network is shown: ``images``, or ``noise``, standard normal of their shape.
        deviation: Where it differs from its source.
        ours: Whether it was first proposed here.
    """

    name: str
    function: Score
    needs: frozenset[str]
    initialisation: str
    source: str
    cost: str
    batch: str = ""
    input: str = "images"
    deviation: str = ""
    ours: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(self.needs - NEEDS)
        if unknown or self.initialisation not in SCHEMES:
            raise UsageError(
                f"proxy {self.name!r} asks for "
                f"{', '.join(unknown) or 'initialisation ' + repr(self.initialisation)}, which is "
                f"not known. Needs: {', '.join(sorted(NEEDS))}. "
                f"Initialisations: {', '.join(SCHEMES)}."
            )
        if self.input not in INPUTS or (self.input == "noise" and "teacher" in self.needs):
            raise UsageError(
                f"proxy {self.name!r} shows the network {self.input!r}; it can be "
                f"{' or '.join(INPUTS)}, and a proxy that compares with a teacher needs images."
            )

    @property
    def needs_network(self) -> bool:
        """Whether it looks at the network at all, and not only at its counted costs."""
        return not self.needs <= {"costs"}

    def __call__(self, student: Probe, teacher: Probe | None = None) -> float:
        """Scores ``student``, beside ``teacher`` on the same batch where one is needed.

        Raises:
            UsageError: The teacher is missing.
        """
        if "teacher" in self.needs and teacher is None:
            raise UsageError(
                f"proxy {self.name!r} compares the student with a teacher, and none was given; "
                "give one, or choose proxies that need none."
            )
        return float(self.function(student, teacher))
