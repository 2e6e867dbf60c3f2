"""Selection by perturbation in whole searches."""

from __future__ import annotations

import pytest
import torch

from nas_kd.training.darts.decisions import Decisions
from nas_kd.training.darts.network import SearchNetwork
from nas_kd.training.darts.session import SearchSession
from tests.training.darts.searches import EARLY, MakeJob, average_of, ring_of, searched
from tests.training.states import alike, stored


def test_perturbation_decides_every_edge(make_job: MakeJob) -> None:
    job = make_job(epochs=1, selection="perturbation", selection_epochs=0)
    session = searched(job)
    assert session.total == 1 + 6
    rows = session.network.expected().operations["cell"]
    assert sorted(rows.flatten().tolist()) == [0.0] * 24 + [1.0] * 6


@pytest.mark.parametrize(("alpha_start", "trained"), [(0, True), (1, False)])
def test_a_decision_is_tuned_at_a_tenth_of_the_first_learning_rate(
    make_job: MakeJob, alpha_start: int, trained: bool
) -> None:
    """Alpha goes on where it was trained; where it is not to be, selection does without."""
    job = make_job(epochs=1, selection="perturbation", alpha_start=alpha_start)
    session = SearchSession(job)
    session.run_unit()
    before = session.network.alphas.operations["cell"].detach().clone()
    assert session.run_unit()["learning_rate"] == pytest.approx(0.0025)
    assert torch.equal(before, session.network.alphas.operations["cell"]) != trained


@pytest.mark.parametrize("perturbation", ["random", "adversarial"])
def test_what_is_decided_is_not_disturbed(make_job: MakeJob, perturbation: str) -> None:
    session = SearchSession(make_job(epochs=1, selection="perturbation", perturbation=perturbation))
    kind, operation = "cell", 3
    _decisions(session).choose(kind, 0, operation)
    train, _ = next(session.batches())
    rows = session._step.mixture(train, 0.5, seed=1).operations[kind]
    assert torch.equal(rows[0], torch.eye(5)[operation])
    moved = (rows - session.network.expected().operations[kind].detach())[1:].abs().amax(1)
    assert perturbation == "adversarial" or (moved > 1e-3).all()  # an attack may be undone


def test_what_is_decided_is_decided_in_what_teaches(make_job: MakeJob) -> None:
    """A snapshot that was taken before knows nothing of it."""
    sources = {"teacher_sources": "snapshots+ema", "epochs": 1, "selection": "perturbation"}
    job = make_job("sd-darts", **EARLY, **sources)
    session = searched(job, units=2)
    decisions = _decisions(session)
    (edge,) = (edge for edge in range(6) if not decisions.is_open("cell", edge))
    row = _row(session.network, edge)
    assert sorted(row.tolist()) == [0.0] * 4 + [1.0]
    before, *_, last = ring_of(session).ring
    assert torch.equal(_row(last.module, edge), row)
    assert torch.equal(_row(average_of(session).module, edge), row)
    assert not torch.equal(_row(before.module, edge), row)

    resumed = SearchSession(job)
    resumed.load(stored(session.state()))
    assert alike(resumed.state(), session.state())
    assert torch.equal(_row(resumed.network, edge), row)
    rows = [_row(past.module, edge) for past in ring_of(resumed).ring]
    assert torch.equal(rows[-1], row)
    assert not torch.equal(rows[0], row)


@pytest.mark.parametrize("operation", [0, 3])
def test_the_eigenvalue_is_that_of_what_is_left_to_decide(
    make_job: MakeJob, operation: int
) -> None:
    session = SearchSession(make_job(selection="perturbation"))
    assert session._judge.eigenvalue(seed=0) != 0.0
    for edge in range(6):
        _decisions(session).choose("cell", edge, operation)
    assert session._judge.eigenvalue(seed=0) == 0.0


def _decisions(session: SearchSession) -> Decisions:
    assert session.network.decisions is not None
    return session.network.decisions


def _row(network: object, edge: int) -> torch.Tensor:
    """The weights of an edge."""
    assert isinstance(network, SearchNetwork)
    return network.expected().operations["cell"][edge].detach()
