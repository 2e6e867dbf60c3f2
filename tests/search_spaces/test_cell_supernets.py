"""Supernets of cells: they compute their students, count as published and decode as published."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.costs import count_macs
from nas_kd.errors import UsageError
from search_spaces import Arch, Darts, NasBench201, Task
from search_spaces._nasbench201_cells import EDGES, OPERATIONS
from search_spaces.supernets import (
    DartsSupernet,
    Mixture,
    NasBench201Supernet,
    Placed,
    Supernet,
)
from search_spaces.supernets._darts_cell import CHOICES
from search_spaces.supernets._darts_cell import EDGES as DARTS_EDGES
from search_spaces.supernets._nasbench201_cell import MixedCell
from tests.contracts.search_space import draw, images

TINY, LARGE, CIFAR10 = Task(3, 8, 4), Task(3, 27, 4), Task(3, 32, 10)

CellSupernet = NasBench201Supernet | DartsSupernet


def nasbench201(**options: int) -> NasBench201Supernet:
    torch.manual_seed(0)
    return NasBench201Supernet(NasBench201(channels=8, cells_per_stage=1), TINY, **options)


def nasbench201_with_stride(**options: int) -> NasBench201Supernet:
    torch.manual_seed(0)
    space = NasBench201(channels=8, cells_per_stage=1, stem_stride=2)
    return NasBench201Supernet(space, TINY, **options)


def darts(**options: int) -> DartsSupernet:
    torch.manual_seed(0)
    return DartsSupernet(Darts(channels=4, cells=3), TINY, **options)


def darts_with_stride(**options: int) -> DartsSupernet:
    torch.manual_seed(0)
    space = Darts(channels=4, cells=3, stem_stride=8)
    return DartsSupernet(space, LARGE, **options)


OF_DARTS = (darts, darts_with_stride)


@pytest.fixture(params=[nasbench201, nasbench201_with_stride, *OF_DARTS])
def make(request: pytest.FixtureRequest) -> Callable[..., CellSupernet]:
    return request.param


def softmax_mixture(supernet: CellSupernet, seed: int = 0, **more: object) -> Mixture:
    generator = torch.Generator().manual_seed(seed)
    return Mixture(
        {
            kind: torch.randn(choices.shape, generator=generator).softmax(1)
            for kind, choices in supernet.kinds.items()
        },
        **more,  # type: ignore[arg-type]
    )


def warmed(supernet: CellSupernet) -> CellSupernet:
    """In eval mode, with batch-norm statistics of a few batches."""
    for seed in range(3):
        supernet(10 * images(supernet.task, 8) - seed, softmax_mixture(supernet, seed))
    return supernet.eval()


def test_published_parameter_counts() -> None:
    assert _params(DartsSupernet(Darts(channels=16, cells=8), CIFAR10)) == 1_930_618
    assert _params(DartsSupernet(Darts(channels=16, cells=5), CIFAR10)) == 1_275_834
    assert _params(DartsSupernet(Darts(channels=8, cells=5), CIFAR10)) == 394_210
    assert _params(NasBench201Supernet(NasBench201(), CIFAR10)) == 1_686_106


def _params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_students_equal_the_supernet_bit_for_bit(make: Callable[..., CellSupernet]) -> None:
    supernet = warmed(make())
    assert isinstance(supernet, Supernet)
    batch = images(supernet.task, 4)
    for arch in [*draw(supernet.space, 3), *supernet.space.anchors()]:
        student = supernet.extract(arch)
        assert not student.training
        assert torch.equal(student(batch), supernet(batch, arch))


def test_students_share_no_memory_with_the_supernet(make: Callable[..., CellSupernet]) -> None:
    supernet = warmed(make())
    arch, batch = supernet.space.anchors()[0], images(supernet.task, 4)
    before = supernet(batch, arch)
    with torch.no_grad():
        for tensor in supernet.extract(arch).state_dict().values():
            tensor.zero_()
    assert torch.equal(supernet(batch, arch), before)


def test_a_copy_computes_the_same_on_its_own(make: Callable[..., CellSupernet]) -> None:
    supernet = warmed(make())
    batch = images(supernet.task, 4)
    arch = supernet.space.anchors()[0]
    copied, before = copy.deepcopy(supernet), supernet(batch, arch)
    assert torch.equal(copied(batch, arch), before)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.zero_()
    assert torch.equal(supernet(batch, arch), before)


def test_one_arch_does_not_depend_on_another(make: Callable[..., CellSupernet]) -> None:
    supernet = warmed(make())
    batch = images(supernet.task, 4)
    first, second = draw(supernet.space, 2)
    alone = supernet(batch, second)
    supernet(batch, first)
    supernet(batch, softmax_mixture(supernet))
    assert torch.equal(supernet(batch, second), alone)


def test_a_one_hot_mixture_decodes_to_its_arch(make: Callable[..., CellSupernet]) -> None:
    supernet = make()
    for arch in draw(supernet.space, 30):
        assert supernet.discretise(supernet.mixture_of(arch)) == arch


def test_a_mixture_is_the_weighted_sum_of_operations() -> None:
    cell = MixedCell(4).train()
    x, weights = torch.randn(3, 4, 6, 6), torch.rand(6, 5)
    x.requires_grad_()
    weights.requires_grad_()
    ours, plain = cell(x, Mixture({"cell": weights})), _plain_cell(cell, x, weights)
    torch.testing.assert_close(ours, plain)
    slopes = [torch.autograd.grad(y.square().sum(), [x, weights]) for y in (ours, plain)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def _plain_cell(cell: MixedCell, x: Tensor, weights: Tensor) -> Tensor:
    nodes = [x, *(torch.zeros_like(x) for _ in range(3))]
    for edge, (source, target) in enumerate(EDGES):
        for number, name in enumerate(OPERATIONS):
            weight = weights[edge, number]
            if name.startswith("nor_conv"):
                group = cell.edge_convolutions(name, source)
                kernel = group.convolution.weight[group.rows(target - source - 1)]
                y = F.conv2d(F.relu(nodes[source]), kernel, padding="same")
                y = F.batch_norm(y, None, None, training=True)
            elif name == "avg_pool_3x3":
                y = F.avg_pool2d(nodes[source], 3, 1, 1, count_include_pad=False)
            else:
                y = nodes[source] * float(name == "skip_connect")
            nodes[target] = nodes[target] + weight * y
    return nodes[3]


def test_weights_of_edges_and_the_auxiliary_skip_count(
    make: Callable[..., CellSupernet],
) -> None:
    supernet = make(**({"auxiliary_skip": True} if make in OF_DARTS else {}))
    batch = images(supernet.task, 4)
    warmed(supernet)
    plain = softmax_mixture(supernet)
    ones = {kind: torch.ones(choices.shape[0]) for kind, choices in supernet.kinds.items()}
    weighted = Mixture(plain.operations, ones)
    torch.testing.assert_close(supernet(batch, weighted), supernet(batch, plain))
    halves = Mixture(plain.operations, {kind: 0.5 * weight for kind, weight in ones.items()})
    halved = Mixture({kind: 0.5 * weights for kind, weights in plain.operations.items()})
    torch.testing.assert_close(supernet(batch, halves), supernet(batch, halved))
    with_skip = Mixture(plain.operations, skip=1.0)
    assert not torch.allclose(supernet(batch, with_skip), supernet(batch, plain), atol=1e-3)


def test_partial_channels_bypass_the_operations(make: Callable[..., CellSupernet]) -> None:
    supernet = make(partial=2)
    mixture = softmax_mixture(supernet)
    assert supernet(images(supernet.task, 4), mixture).shape == (4, supernet.task.num_classes)
    assert _params(supernet) < _params(make())
    with pytest.raises(UsageError, match="partial channels"):
        supernet.extract(supernet.space.anchors()[0])
    with pytest.raises(UsageError, match="divisor"):
        make(partial=3)


def test_half_of_the_channels_arrive_untouched_and_shuffled() -> None:
    cell = MixedCell(4, partial=2).eval()
    x = torch.randn(1, 4, 6, 6)
    rows = torch.zeros(6, 5)
    rows[:, 0] = 1.0  # nothing is computed on any edge
    rows[3] = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0])  # from the input to the output: a skip
    a, b, c, d = cell(x, Mixture({"cell": rows}))[0]
    # Node 1 is [0, x2, 0, x3], node 2 adds up two such shuffles; the skip gives [x0, x2, x1, x3].
    node_1 = torch.stack([torch.zeros(6, 6), x[0, 2], torch.zeros(6, 6), x[0, 3]])
    node_2 = torch.stack([torch.zeros(6, 6), x[0, 2] + node_1[2], torch.zeros(6, 6),
                          x[0, 3] + node_1[3]])  # fmt: skip
    assert torch.allclose(a, x[0, 0])
    assert torch.allclose(b, x[0, 2] + node_1[2] + node_2[2])
    assert torch.allclose(c, x[0, 1])
    assert torch.allclose(d, x[0, 3] + node_1[3] + node_2[3])


def test_darts_decodes_the_two_strongest_edges_without_none() -> None:
    supernet = darts()
    rows = torch.full((14, 8), 0.1)
    rows[:, 0] = 0.9  # none never wins
    last = [number for number, (_, target) in enumerate(DARTS_EDGES) if target == 5]
    rows[last[2], CHOICES.index("dil_conv_5x5")] = 0.5
    rows[last[4], CHOICES.index("sep_conv_3x3")] = 0.4
    weights = {"normal": rows, "reduce": torch.full((14, 8), 0.125)}
    arch = supernet.discretise(Mixture(weights))
    assert arch["normal_5_inputs"] == "2+4"
    assert (arch["normal_5_first"], arch["normal_5_second"]) == ("dil_conv_5x5", "sep_conv_3x3")
    # Ties: the earliest edges, and on them the first operation.
    assert {arch[f"reduce_{node}_inputs"] for node in (3, 4, 5)} == {"0+1"}
    assert arch["reduce_3_second"] == "max_pool_3x3"
    edges = {"normal": torch.ones(14), "reduce": torch.ones(14)}
    edges["normal"][last[2]] = 0.01
    assert supernet.discretise(Mixture(weights, edges))["normal_5_inputs"] == "0+4"


def test_nasbench201_decodes_none_and_takes_the_first_of_equals() -> None:
    supernet = nasbench201()
    rows = torch.full((6, 5), 0.2)
    rows[1, 3] = 0.3
    arch = supernet.discretise(Mixture({"cell": rows}))
    assert list(arch.values()) == ["none", "nor_conv_3x3", "none", "none", "none", "none"]


def test_nasbench201_decodes_by_darts_own_rule_where_none_is_not_kept() -> None:
    supernet = NasBench201Supernet(NasBench201(), Task(3, 8, 10), keep_none=False)
    rows = torch.full((6, 5), 0.1)
    rows[:, 0] = 0.6
    rows[2, 4] = 0.2
    arch = supernet.discretise(Mixture({"cell": rows}))
    skip, pool = "skip_connect", "avg_pool_3x3"
    assert list(arch.values()) == [skip, skip, pool, skip, skip, skip]


def test_macs_of_operations_add_up_to_those_of_students(make: Callable[..., CellSupernet]) -> None:
    supernet = make()
    table = supernet.operation_macs()

    def chosen(arch: Arch) -> float:
        rows = supernet.mixture_of(arch).operations
        return sum(float((rows[kind] * table[kind]).sum()) for kind in rows)

    first, *others = draw(supernet.space, 8)
    for other in others:
        macs = [supernet.space.sizes(arch, supernet.task).macs for arch in (other, first)]
        assert chosen(other) - chosen(first) == macs[0] - macs[1]


def test_hard_weights_get_gradients_and_compute_one_path(
    make: Callable[..., CellSupernet],
) -> None:
    supernet = make()
    batch = images(supernet.task, 4)
    arch = supernet.space.anchors()[0]
    mixture = supernet.mixture_of(arch)
    leaves = {kind: rows.requires_grad_() for kind, rows in mixture.operations.items()}
    supernet(batch, Mixture(leaves)).square().sum().backward()
    assert all(rows.grad is not None and rows.grad.abs().sum() > 0 for rows in leaves.values())
    used = sum(p.numel() for p in supernet.parameters() if p.grad is not None and p.grad.any())
    assert used < _params(supernet)


def test_operations_where_they_stand_are_all_that_a_choice_adds(
    make: Callable[..., CellSupernet],
) -> None:
    """Their MACs, each counted by itself, are those that a choice adds to the network."""
    supernet = make()
    macs: dict[Placed, int] = {}
    for rows in supernet.placed_operations().values():
        for placed in (placed for row in rows for held in row for placed in held):
            if placed not in macs:
                module = supernet.placed_module(placed)
                macs[placed] = count_macs(module, placed.input_shape).macs
    for kind, rows in supernet.placed_operations().items():
        added = [[sum(n * macs[p] for p, n in held.items()) for held in row] for row in rows]
        assert added == supernet.operation_macs()[kind].tolist()


def test_an_auxiliary_skip_lies_beside_drawn_operations_too(
    make: Callable[..., CellSupernet],
) -> None:
    """With a weight of one and nothing drawn it is what the edge gives: a skip connection."""
    supernet = warmed(make(**({"auxiliary_skip": True} if make in OF_DARTS else {})))
    batch = images(supernet.task, 4)
    nothing = {
        kind: torch.zeros(choices.shape).index_fill(1, torch.tensor([0]), 1.0)
        for kind, choices in supernet.kinds.items()
    }
    drawn = Mixture(nothing, skip=1.0)
    assert drawn.hard
    hardly = {kind: rows.index_fill(1, torch.tensor([1]), 1e-9) for kind, rows in nothing.items()}
    mixed = Mixture(hardly, skip=1.0)
    assert not mixed.hard
    torch.testing.assert_close(supernet(batch, drawn), supernet(batch, mixed))
    assert not torch.allclose(supernet(batch, drawn), supernet(batch, Mixture(nothing)))


def test_the_auxiliary_skip_is_a_part_of_its_edge(make: Callable[..., CellSupernet]) -> None:
    """What an edge counts, its operations, its bypassing channels and its skip count alike."""
    supernet = warmed(make(partial=2, **({"auxiliary_skip": True} if make in OF_DARTS else {})))
    batch, operations = images(supernet.task, 4), softmax_mixture(supernet).operations
    off = {kind: torch.zeros(choices.shape[0]) for kind, choices in supernet.kinds.items()}
    with_skip, without = (supernet(batch, Mixture(operations, off, skip)) for skip in (1.0, 0.0))
    assert torch.equal(with_skip, without)
