"""Who teaches the supernet while it is searched."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from nas_kd.errors import UsageError
from nas_kd.training.idle_settings import refuse_idle
from nas_kd.training.setting_checks import require_choice, require_number
from nas_kd.training.settings import TEACHER_VIEWS
from nas_kd.training.teacher_grid import SIGNALS, TARGETS, VOTES

SOURCES = ("snapshots", "cached", "ema", "external")
_OF_ROUNDS = ("snapshots", "cached")
"""Sources that bring one more teacher with every round."""

_CHOICES = {
    "vote": VOTES,
    "signal": SIGNALS,
    "applied_to": TARGETS,
    "teacher_views": TEACHER_VIEWS,
}
_LEAST = {
    "teachers": 0,
    "teacher_weight": 0,
    "teacher_start": 0,
    "teacher_ramp": 0,
    "least_teachers": 1,
}


@dataclass(frozen=True)
class TeacherSettings:
    """A point on the grid of teachers.

    SD-DARTS's paper gives no constants that could be found: temperature, weight and start are those
    of SAF (Du et al., NeurIPS 2022), the number of teachers and their distance are ours.

    Attributes:
        teacher_sources: ``none``, or some of ``snapshots`` (the supernet's own past), ``cached``
            (what it said of each image in the past), ``ema`` (the average of its weights) and
            ``external`` (the trained teacher that is given), joined by ``+``.
        teachers: Most snapshots, or rounds of cached logits, that vote.
        teacher_interval: Epochs between two of them.
        ema_decay: Share of the average that a step keeps.
        external_votes: How many votes the external teacher has beside one of each other.
        teacher_views: ``augmented``: the external teacher sees what the supernet sees. ``clean``:
            it sees every unaugmented training image once, and what it says holds for all views; a
            step then costs none of its forwards.
        vote: ``soft``, ``hard``, or ``loss``: weighted by validation loss.
        signal: ``logits`` or ``relations``; the latter's distance counts 10,000 times, so that it
            takes the same weights.
        teacher_temperature: Of soft votes on logits.
        teacher_weight: Of the teachers' loss.
        teacher_start: Epochs without teachers; fewer than the search has.
        teacher_ramp: Epochs over which their weight then grows.
        least_teachers: So many voices have to be there; no more than can come.
        applied_to: Whose steps they are heard in: ``w``, ``alpha`` or ``both``.

    Raises:
        UsageError: A value is out of range, or two exclude each other.
    """

    teacher_sources: str = "none"
    teachers: int = 3
    teacher_interval: float = 1.0
    ema_decay: float = 0.999
    external_votes: float = 1.0
    teacher_views: str = "augmented"
    vote: str = "soft"
    signal: str = "logits"
    teacher_temperature: float = 5.0
    teacher_weight: float = 0.3
    teacher_start: float = 5.0
    teacher_ramp: float = 0.0
    least_teachers: int = 1
    applied_to: str = "w"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            require_choice(self, name, choices, what="teachers")
        for name, least in _LEAST.items():
            require_number(self, name, least=least, what="teachers")
        for name in ("teacher_interval", "teacher_temperature", "external_votes"):
            require_number(self, name, above=0, what="teachers")
        require_number(self, "ema_decay", least=0, below=1, what="teachers")
        if unknown := [source for source in self.sources if source not in SOURCES]:
            raise UsageError(
                f"teachers: there is no source {unknown[0]!r}; give none, or some of "
                f"{', '.join(SOURCES)}, joined by +."
            )
        if len(set(self.sources)) < len(self.sources):
            raise UsageError(
                f"teachers: {self.teacher_sources} names a source twice; name each once."
            )
        self._refuse_idle()
        if (self.signal, self.applied_to) != ("logits", "w"):
            self._refuse_kept_logits()

    def _refuse_idle(self) -> None:
        """What is set for teachers that there are not."""
        sources = self.sources
        if not sources:
            own = (field.name for field in dataclasses.fields(TeacherSettings))
            names = [name for name in own if name != "teacher_sources"]
            refuse_idle(self, names, "there are no teachers; set teacher_sources, too")
        if not set(sources) & set(_OF_ROUNDS):
            kinds = " or ".join(_OF_ROUNDS)
            refuse_idle(self, ("teachers", "teacher_interval"), f"only {kinds} heed it")
        if "ema" not in sources:
            refuse_idle(self, ("ema_decay",), "teacher_sources holds no ema")
        if "external" not in sources:
            of_external = ("external_votes", "teacher_views")
            refuse_idle(self, of_external, "teacher_sources holds no external")
        if self.vote == "hard" or self.signal == "relations":
            reason = "hard votes and relations have no temperature"
            refuse_idle(self, ("teacher_temperature",), reason)

    def _refuse_kept_logits(self) -> None:
        """There are none of other images or other layers."""
        reason = (
            "keeps logits of the images that train the weights; set signal=logits and applied_to=w"
        )
        if "cached" in self.sources:
            raise UsageError(f"teachers: cached {reason}, or use snapshots.")
        if self.teacher_views == "clean":
            raise UsageError(f"teachers: teacher_views=clean {reason}, or teacher_views=augmented.")

    @property
    def sources(self) -> tuple[str, ...]:
        """The names in ``teacher_sources``."""
        return () if self.teacher_sources == "none" else tuple(self.teacher_sources.split("+"))

    @property
    def voices(self) -> int:
        """How many teachers there are once all have come."""
        return self.voices_after(self.teachers)

    def voices_after(self, rounds: int) -> int:
        """How many there are after so many times ``teacher_interval``."""
        past = min(rounds, self.teachers)
        return sum(past if source in _OF_ROUNDS else 1 for source in self.sources)
