"""The parts of a search, each on its own."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nas_kd.training.darts.alphas import Alphas
from nas_kd.training.darts.decisions import Decisions
from nas_kd.training.darts.expected_cost import ExpectedCost
from nas_kd.training.darts.found_cell import skip_count
from nas_kd.training.darts.mixture_facts import entropy, margin
from nas_kd.training.darts.perturbation import PERTURBATIONS
from nas_kd.training.darts.projection import Projection
from nas_kd.training.darts.regularisation import auxiliary_skip, beta_decay, sharpening_began
from nas_kd.training.darts.relaxation import RELAXATIONS, DirichletSample, Gumbel
from search_spaces import Arch
from search_spaces.supernets import CellKind, Mixture

KIND = CellKind(((0, 1), (0, 2), (1, 2)), ("none", "skip_connect", "conv"), decodes_none=True)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mixture(rows: Tensor) -> Mixture:
    return Mixture({"cell": rows})


@pytest.mark.parametrize("name", RELAXATIONS)
def test_relaxations_give_shares_with_gradients(name: str) -> None:
    relaxation = RELAXATIONS[name]()
    alphas = torch.randn(6, 5, generator=seeded(1), requires_grad=True)
    state = torch.get_rng_state()
    for share in (0.0, 0.5, 1.0):
        weights = relaxation.sample(alphas, share, seeded(2))
        assert torch.equal(weights, relaxation.sample(alphas, share, seeded(2)))
        assert torch.allclose(weights.sum(1), torch.ones(6))
        assert weights.min() >= 0
        slope = torch.autograd.grad(weights[:, 0].sum(), alphas)[0]
        assert slope.isfinite().all()
    expected = relaxation.expected(alphas)
    assert torch.equal(expected, relaxation.expected(alphas))
    assert torch.allclose(expected.sum(1), torch.ones(6))
    assert torch.equal(state, torch.get_rng_state())


def test_gdas_runs_one_operation_with_the_gradient_of_the_softmax() -> None:
    alphas = torch.randn(6, 5, generator=seeded(), requires_grad=True)
    hard, soft = Gumbel(10, 0.1, hard=True), Gumbel(10, 0.1)
    weights = hard.sample(alphas, 0.5, seeded(3))
    assert mixture(weights).hard
    slopes = [
        torch.autograd.grad(drawn.sample(alphas, 0.5, seeded(3))[:, 1].sum(), alphas)[0]
        for drawn in (hard, soft)
    ]
    assert torch.equal(*slopes)
    # The arg-max of noisy parameters is a draw from their softmax.
    one = torch.tensor([[1.0, 0.0, -1.0]])
    drawn = [hard.sample(one, 1.0, seeded(seed)).argmax().item() for seed in range(4000)]
    shares = torch.bincount(torch.tensor(drawn), minlength=3) / len(drawn)
    torch.testing.assert_close(shares, one.softmax(1)[0], atol=0.03, rtol=0)


def test_the_mean_of_dirichlet_draws_is_what_is_expected() -> None:
    alphas = torch.tensor([[0.5, -0.5, 1.0]])
    drawn = DirichletSample().sample(alphas.expand(4000, 3), 0.0, seeded())
    expected = DirichletSample().expected(alphas)[0]
    torch.testing.assert_close(drawn.mean(0), expected, atol=0.02, rtol=0)


def test_edges_into_a_node_share_one() -> None:
    alphas = Alphas({"cell": KIND}, edge_weights=True, generator=seeded())
    with torch.no_grad():
        alphas.edges["cell"].copy_(torch.tensor([5.0, 1.0, 1.0]))
    shares = alphas.edge_shares()
    assert shares is not None
    torch.testing.assert_close(shares["cell"], torch.tensor([1.0, 0.5, 0.5]))
    assert Alphas({"cell": KIND}, edge_weights=False, generator=seeded()).edge_shares() is None


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_perturbations_stay_in_their_box(share: float) -> None:
    rows = torch.randn(6, 5, generator=seeded()).softmax(1)
    target = torch.zeros(6, 5).index_fill(1, torch.tensor([2]), 1.0)

    def loss_of(there: Mixture) -> Tensor:
        return (there.operations["cell"] * target).sum()

    radius = 0.03 + 0.27 * share
    for name in ("random", "adversarial"):
        found = PERTURBATIONS[name](mixture(rows), share, loss_of, seeded(1)).operations["cell"]
        assert torch.allclose(found.sum(1), torch.ones(6))
        assert (found >= 0).all()
        assert not found.requires_grad
        ratio = found / rows  # a common factor an edge, and the change
        assert (ratio.max() - 1).abs() > 1e-3
        if share == 0:
            assert (found - rows).abs().max() < 3 * radius
        if name == "adversarial":
            assert loss_of(mixture(found)) > loss_of(mixture(rows)) + 0.05
    assert PERTURBATIONS["none"](mixture(rows), share, loss_of, seeded()).operations["cell"] is rows


def test_an_attack_that_does_not_raise_the_loss_is_undone() -> None:
    rows = torch.randn(6, 5, generator=seeded()).softmax(1)
    seen: list[Tensor] = []

    def loss_of(there: Mixture) -> Tensor:
        """Largest at the undisturbed weights, where its slope leads away."""
        seen.append(there.operations["cell"])
        return -(there.operations["cell"] - rows).abs().sum()

    found = PERTURBATIONS["adversarial"](mixture(rows), 0.5, loss_of, seeded())
    assert found.operations["cell"] is rows
    assert len(seen) == 7 + 2


def test_beta_decay_is_the_mean_logsumexp() -> None:
    alphas = Alphas({"a": KIND, "b": KIND}, edge_weights=False, generator=seeded())
    with torch.no_grad():
        alphas.operations["a"].fill_(0.0)
        alphas.operations["b"].fill_(1.0)
    assert float(beta_decay(alphas)) == pytest.approx(math.log(3) + 0.5)


def test_the_auxiliary_skip_fades_out() -> None:
    assert [auxiliary_skip(1.0, share) for share in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])


def test_a_search_stops_when_the_eigenvalue_has_risen() -> None:
    """As in R-DARTS's code: with epochs from 0, epoch 16 is the first that stops, and goes back to
    epoch 10, the middle of epochs 8 to 12."""
    calm = [1.0] * 30
    assert all(sharpening_began(calm[:n]) is None for n in range(31))
    rising = [1.0] * 13 + [1.5, 2.0, 3.0, 4.0]
    stops = [sharpening_began(rising[:n]) for n in range(len(rising) + 1)]
    assert stops == [None] * 17 + [11]
    late = [1.0] * 16 + [1.4, 1.4, 1.4, 1.4, 1.4]  # with the fourth, the mean is 1.32
    stops = [sharpening_began(late[:n]) for n in range(len(late) + 1)]
    assert stops == [None] * 20 + [14, None]
    assert all(sharpening_began([1.0] * 5 + [2.0] * n) is None for n in range(12))


@pytest.mark.parametrize("earlier", [-0.1, 0.0])
def test_an_eigenvalue_that_was_not_above_zero_has_no_ratio(earlier: float) -> None:
    assert sharpening_began([earlier] * 30) is None
    assert sharpening_began([earlier] * 20 + [5.0]) is None


def test_expected_cost_is_exact_for_one_choice_and_has_a_slope() -> None:
    table = {"cell": torch.tensor([[0.0, 0.0, 6.0], [0.0, 0.0, 6.0], [0.0, 0.0, 12.0]])}
    cost = ExpectedCost(table, {"cell": KIND})
    rows = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert float(cost(mixture(rows))) == pytest.approx(18 / 24)
    alphas = torch.zeros(3, 3, requires_grad=True)
    relaxed = mixture(alphas.softmax(1))
    assert float(cost(relaxed)) == pytest.approx(1 / 3)
    cost(relaxed).backward()
    assert alphas.grad is not None
    assert (alphas.grad[:, 2] > 0).all()
    assert (alphas.grad[:, :2] < 0).all()
    assert float(cost.penalty(relaxed, limit=0.5)) == 0.0
    assert float(cost.penalty(relaxed, limit=0.25)) == pytest.approx(1 / 3 - 0.25)


def test_only_edges_that_are_kept_are_charged() -> None:
    """Node 3 keeps two of its three edges."""
    edges = ((0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    kinds = {"cell": CellKind(edges, ("none", "skip_connect", "conv"), inputs=2)}
    table = {"cell": torch.tensor([[7.0, 0.0, cost] for cost in (1.0, 2.0, 4.0, 8.0, 16.0)])}
    cost, none, skip, conv = ExpectedCost(table, kinds), *torch.eye(3)
    off = torch.zeros(3)
    costliest = torch.stack([conv, conv, off, conv, conv])
    assert float(cost(mixture(costliest))) == 1.0
    cheaper = torch.stack([conv, skip, conv, off, conv])
    assert float(cost(mixture(cheaper))) == pytest.approx((1 + 4 + 16) / 27)
    # None of the three is told apart: each is kept with a chance of two thirds. What none weighs
    # does not matter where the edges have the same of it.
    alike = (1 + 2 + 2 / 3 * (4 + 8 + 16)) / 27
    for blank in (0.0, 0.9):
        rows = (blank * none + (1 - blank) * conv).expand(5, 3)
        assert float(cost(mixture(rows))) == pytest.approx(alike)
        # Where edges compete, the strongest is kept for certain, the others share the second place.
        shares = {"cell": torch.tensor([0.5, 0.5, 0.25, 0.25, 0.5])}
        weighed = cost(Mixture({"cell": rows}, shares))
        assert float(weighed) == pytest.approx((3 + 0.5 * (4 + 8) + 16) / 27)


def test_facts_of_cells() -> None:
    assert skip_count(Arch({"a": "skip_connect", "b": "none", "c": "skip_connect"})) == 2
    assert entropy(mixture(torch.full((3, 5), 0.2))) == pytest.approx(1.0)
    assert entropy(mixture(torch.eye(3))) == 0.0
    assert margin(mixture(torch.tensor([[0.5, 0.3, 0.2], [0.9, 0.1, 0.0]]))) == pytest.approx(0.5)


@pytest.mark.parametrize("inputs", [None, 1])
def test_projection_keeps_what_is_missed_most(inputs: int | None) -> None:
    """Every operation has a worth, and so has an edge: those of the greatest are kept."""
    kinds = {"cell": CellKind(KIND.edges, KIND.operations, inputs, decodes_none=inputs is None)}
    worth = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.6], [0.4, 0.35, 0.25]])
    decisions, expected = Decisions(kinds), mixture(torch.full((3, 3), 1 / 3))

    def accuracy_of(there: Mixture) -> float:
        return float((worth * (there.operations["cell"] > 0)).sum())

    total = Projection(kinds, decisions).total
    assert total == (3 if inputs is None else 3 + 1)  # node 1 has one edge, which it keeps
    for number in range(total):
        resumed = Decisions(kinds)
        resumed.load_state_dict(decisions.state_dict())
        decisions = resumed
        here = decisions.applied(expected)
        Projection(kinds, decisions).decide(here, accuracy_of, seeded(number))
    rows = decisions.applied(expected).operations["cell"]
    if inputs is None:
        assert torch.equal(rows, torch.eye(3)[[0, 2, 0]])
    else:  # none cannot be chosen, and of edges 1 and 2, which share a node, one leaves
        assert torch.equal(rows, torch.eye(3)[[1, 2, 1]] * torch.tensor([[1.0], [1.0], [0.0]]))


def test_gradients_go_through_what_is_not_decided() -> None:
    decisions, rows = Decisions({"cell": KIND}), torch.full((3, 3), 1 / 3, requires_grad=True)
    decisions.choose("cell", 0, 2)
    decisions.remove("cell", 1)
    found = decisions.applied(mixture(rows)).operations["cell"]
    assert found[:2].tolist() == [[0.0, 0.0, 1.0], [0.0] * 3]
    assert torch.equal(found[2], rows[2])
    (slope,) = torch.autograd.grad(found.sum(), rows)
    assert slope.tolist() == [[0.0] * 3, [0.0] * 3, [1.0] * 3]
