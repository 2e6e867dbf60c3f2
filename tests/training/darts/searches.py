"""Short searches, and by what they are compared."""

from __future__ import annotations

from collections.abc import Callable

from nas_kd.training.darts.session import SearchSession
from nas_kd.training.pretraining import Job
from nas_kd.training.teacher_grid import Mixed, MovingAverage, Snapshots
from tests.training.states import alike

MakeJob = Callable[..., Job]
EARLY = {"teacher_start": 0.0, "teacher_interval": 0.4}
"""Teachers from the second step on, one more after every step."""


def searched(job: Job, units: int | None = None) -> SearchSession:
    session = SearchSession(job)
    for _ in range(session.total if units is None else units):
        session.run_unit()
    return session


def same(one: SearchSession, other: SearchSession) -> bool:
    """Whether weights, statistics, architecture and optimisers are equal bit for bit."""
    mine, theirs = one.state(), other.state()
    names = ("network", "weights_optimizer", "alphas_optimizer")
    return all(alike(mine[name], theirs[name]) for name in names)


def ring_of(session: SearchSession) -> Snapshots:
    (ring,) = (source for source in _sources(session) if isinstance(source, Snapshots))
    return ring


def average_of(session: SearchSession) -> MovingAverage:
    (average,) = (source for source in _sources(session) if isinstance(source, MovingAverage))
    return average


def _sources(session: SearchSession) -> tuple[object, ...]:
    assert isinstance(session.teachers.provider, Mixed)
    return session.teachers.provider.providers
