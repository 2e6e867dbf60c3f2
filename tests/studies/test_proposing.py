"""Trials in memory, proposed batch after batch."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from optuna.trial import FrozenTrial

from search_spaces import Arch, create_space
from studies.candidates import Candidate
from studies.objectives import directions
from studies.proposing import Asking, Found
from studies.samplers import SAMPLERS
from studies.trials import revalued

SPACE, SIZE = create_space("cifar-resnet"), 10
OBJECTIVES = ["score", "macs"]


def _found(arch: Arch) -> Found:
    depth = sum(map(int, arch.values()))
    candidate = Candidate(arch, depth, depth, {"macs": depth / 12 - 1})
    return Found(candidate, [depth % 7, depth], None, True)


def _by_then(trials: Sequence[FrozenTrial], batch: int) -> list[list[float]]:
    """Other values after each batch, and another best trial."""
    return [[(t.values[1] + batch) % 5, t.values[1]] for t in trials]


@pytest.mark.parametrize("sampler", ["nsga2", "tpe", "regularised-evolution"])
def test_values_that_moved_count_as_after_a_restart(sampler: str) -> None:
    kept = Asking(SPACE.distributions, directions(OBJECTIVES), [], [])
    done: list[FrozenTrial] = []
    for batch in range(6):
        values = _by_then(done, batch)
        kept.revalue(values)
        moved = [revalued(trial, new) for trial, new in zip(done, values, strict=True)]
        restarted = Asking(SPACE.distributions, directions(OBJECTIVES), moved, [])
        proposed, anew = (
            one.propose(SAMPLERS.get(sampler).build(SPACE, batch, SIZE), SIZE)
            for one in (kept, restarted)
        )
        assert proposed == anew
        done += kept.finish([_found(arch) for arch in proposed])
    assert [trial.values[1] for trial in done] == [sum(t.params.values()) for t in done]
