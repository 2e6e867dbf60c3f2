"""A limit on MACs: the strongest cells within it are found, and no others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_kd.errors import NoFeasibleStudentError, UsageError
from nas_kd.training.darts.macs_limit import MacsLimit
from nas_kd.training.darts.session import SearchSession
from nas_kd.training.darts.strongest_cells import strongest_within
from nas_kd.training.darts.supernets import make_supernet
from nas_kd.training.pretraining import METHODS, Job
from search_spaces import Arch, Darts, NasBench201, Task
from search_spaces.supernets import CellKind, Mixture

MakeJob = Callable[..., Job]
TASK = Task(1, 8, 10)
EDGES = ((0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
OPERATIONS = ("none", "skip_connect", "conv")
KINDS = {
    "all": CellKind(EDGES, OPERATIONS, decodes_none=True),
    "no-none": CellKind(EDGES, OPERATIONS),
    "two": CellKind(EDGES, OPERATIONS, inputs=2),
}

numbers = st.integers(0, 20).map(float)
tables = st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=5, max_size=5)


def _all_cells(choices: CellKind) -> list[dict[int, int]]:
    """Every cell of a kind, edge to operation."""
    decoded = range(choices.first_decoded, 3)
    kept = [tuple(range(5))]
    if choices.inputs is not None:
        pairs = (itertools.combinations(edges, choices.inputs) for edges in choices.incoming)
        kept = [sum(edges, ()) for edges in itertools.product(*pairs)]
    return [
        dict(zip(edges, picked, strict=True))
        for edges in kept
        for picked in itertools.product(decoded, repeat=len(edges))
    ]


@pytest.mark.parametrize("name", KINDS)
@given(tables, tables, st.lists(numbers, min_size=5, max_size=5), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_it_is_the_best_of_all_cells(
    name: str,
    strengths: list[list[float]],
    costs: list[list[float]],
    shares: list[float],
    allowed: int,
) -> None:
    choices = KINDS[name]
    mixture = Mixture({"cell": torch.tensor(strengths)}, {"cell": torch.tensor(shares)})
    table = {"cell": torch.tensor(costs)}
    found = strongest_within(mixture, {"cell": choices}, table, allowed)

    def total(cell: dict[int, int], values: list[list[float]], scale: list[float]) -> float:
        return sum(scale[edge] * values[edge][operation] for edge, operation in cell.items())

    cells = _all_cells(choices)
    affordable = [cell for cell in cells if total(cell, costs, [1.0] * 5) <= allowed]
    if not affordable:
        assert found is None
        return
    assert found is not None
    picked = {int(e): int(o) for e, o in found.operations["cell"].nonzero()}
    assert picked in affordable
    best = max(total(cell, strengths, shares) for cell in affordable)
    assert total(picked, strengths, shares) == best


@pytest.mark.parametrize("space", [NasBench201(4, 1), Darts(4, 3)], ids=lambda space: space.name)
def test_without_a_limit_it_is_what_is_decoded_anyway(space: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    supernet = make_supernet(space, TASK, partial=1, auxiliary_skip=False)
    table = supernet.operation_macs()
    for _ in range(20):
        rows = {
            kind: torch.rand(c.shape, generator=generator) for kind, c in supernet.kinds.items()
        }
        shares = {kind: torch.rand(len(row), generator=generator) for kind, row in rows.items()}
        mixture = Mixture(rows, shares if space.name == "darts" else None)
        found = strongest_within(mixture, supernet.kinds, table, math.inf)
        assert found is not None
        assert supernet.discretise(found) == supernet.discretise(mixture)


@pytest.mark.parametrize("space", ["nasbench201", "darts"])
def test_no_cell_beyond_the_limit_is_found(space: str, make_job: MakeJob, tmp_path: Path) -> None:
    """Also where nothing is charged, so that alpha leans to cells beyond it."""
    free = SearchSession(make_job(space=space, alpha_learning_rate=0.05))
    free.run_unit()
    facts = free.save(tmp_path)
    delivered = NasBench201(4, 1) if space == "nasbench201" else Darts()
    assert facts["macs"] == delivered.sizes(Arch(facts["arch"]), TASK).macs
    limit = facts["macs"] - 1
    job = make_job(space=space, alpha_learning_rate=0.05, macs_limit=limit)
    limited = SearchSession(job)
    limited.run_unit()
    found = limited.save(tmp_path)
    assert found["macs"] <= limit
    for text in found["archs"]:
        assert delivered.sizes(Arch.from_json(text), TASK).macs <= limit
    for one, other in zip(
        free.network.alphas.parameters(), limited.network.alphas.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_nothing_is_charged_up_to_the_limit(make_job: MakeJob) -> None:
    space = NasBench201(4, 1)
    sizes = [space.sizes(arch, TASK).macs for arch in space.anchors()]
    known: dict[str, Any] = {"alpha_learning_rate": 0.05, "cost_weight": 20.0}

    def leaning(most: float | None, **more: Any) -> torch.Tensor:
        session = SearchSession(make_job(**{**known, **more}, macs_limit=most))
        session.run_unit()
        return session.network.expected().operations["cell"].detach()

    free = leaning(None, cost_weight=0.0)
    assert torch.equal(leaning(max(sizes)), free)
    charged = leaning(min(sizes) + 1)
    assert charged[:, 3].mean() < 0.9 * free[:, 3].mean()


def test_a_limit_below_all_cells_is_told_before_the_search(make_job: MakeJob) -> None:
    for space, advice in (("nasbench201", "fewer channels or cells"), ("darts", "space's own")):
        told = f"cheapest cells of {space} make .* {advice}"
        with pytest.raises(NoFeasibleStudentError, match=told):
            SearchSession(make_job(space=space, macs_limit=1000.0))
    least = NasBench201(4, 1)
    macs = min(least.sizes(arch, TASK).macs for arch in least.anchors())
    job = make_job(macs_limit=float(macs))
    supernet = make_supernet(job.space, TASK, partial=1, auxiliary_skip=False)
    dear = Mixture({"cell": torch.tensor([[0.0, 0.0, 0.1, 0.9, 0.0]] * 6)})
    found = MacsLimit(macs, supernet, job).discretise(dear)
    assert least.sizes(found, TASK).macs == macs


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"macs_limit": 0.0}, "above 0"),
        ({"macs_limit": math.inf}, "give a finite number"),
        ({"cost_limit": 0.5, "cost_weight": 1.0}, "cost_limit says otherwise"),
        ({"cost_table": "measured:cpu-1t", "cost_weight": 1.0}, "prices something else"),
        ({"selection": "perturbation"}, "edge by edge"),
    ],
)
def test_what_cannot_be_held_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        METHODS.get("darts").settings(**{"macs_limit": 1e6, **wrong})
