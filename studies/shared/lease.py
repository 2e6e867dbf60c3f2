"""What one process of a study does at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from optuna.trial import FrozenTrial, TrialState

from studies.shared.work import WorkStudy

LEASE = "lease"


@contextmanager
def lease(work: WorkStudy, name: str) -> Iterator[bool]:
    """Holds ``name`` alone, if nobody else does: whether it is held.

    A lease is a trial that is held; of several with one name the first is the one that counts.
    Trials are numbered one after the other by the storage, so that two processes that try in the
    same moment agree on which of them came first.
    """
    if _holders(work, name):
        yield False
        return
    mine = work.add_held({LEASE: name})
    try:
        first = _holders(work, name)[:1]
        yield bool(first) and first[0]._trial_id == mine
    finally:
        work.fail(mine)


def holder(work: WorkStudy, name: str) -> FrozenTrial | None:
    """The trial of the process that holds ``name``; None when nobody does."""
    return next(iter(_holders(work, name)), None)


def _holders(work: WorkStudy, name: str) -> list[FrozenTrial]:
    """Living holders of a lease, the first one first; dead ones are ended."""
    trials = [t for t in work.trials() if t.user_attrs.get(LEASE) == name]
    for trial in (dead := work.dead(trials)):
        work.fail(trial._trial_id)
    gone = {trial._trial_id for trial in dead}
    return [t for t in trials if t.state == TrialState.RUNNING and t._trial_id not in gone]
