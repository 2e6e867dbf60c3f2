"""What `canonical` merges computes the same: cells with weights tied by what they stand for."""

from __future__ import annotations

import zlib
from collections import defaultdict

import pytest
import torch
from torch import Tensor, nn

from search_spaces import Arch, NasBench201, Task
from search_spaces._nasbench201_cells import EDGES, Cell
from search_spaces._nasbench201_modules import NasBench201Cell, ReluConvNorm
from tests.contracts.search_space import build, draw, images

SPACE = NasBench201(channels=4, cells_per_stage=2)
TASK = Task(2, 8, 3)
CHANNELS = 3


def _cell(arch: Arch) -> Cell:
    return tuple(str(operation) for operation in arch.values())


def _expressions(cell: Cell) -> dict[str, str]:
    """Edge name to the expression that the edge computes; empty where it is zero."""
    nodes, edges = {0: "x"}, {}
    for target in (1, 2, 3):
        terms = []
        for (source, end), operation in zip(EDGES, cell, strict=True):
            if end == target:
                term = _term(nodes[source], operation)
                edges[f"{source}_{end}"] = term
                terms.append(term)
        # A node of several empty edges is not recognised as empty by the published rule.
        nodes[target] = "+".join(sorted(terms))
    return edges


def _term(source: str, operation: str) -> str:
    if operation == "none" or not source:
        return ""
    return source if operation == "skip_connect" else f"{operation}({source})"


def _tied(cell: Cell) -> NasBench201Cell:
    """The cell in float64 whose weights depend on each edge's expression only."""
    module = NasBench201Cell(cell, CHANNELS).double().eval()
    expressions = _expressions(cell)
    for name, edge in module.edges.items():
        expression = expressions[name]
        generator = torch.Generator().manual_seed(zlib.crc32(expression.encode()))
        for tensor in edge.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator))
        if isinstance(edge, ReluConvNorm):
            with torch.no_grad():
                edge.convolution.weight -= 0.4
            if not expression:  # a convolution of nothing adds nothing
                nn.init.zeros_(edge.norm.weight)
                nn.init.zeros_(edge.norm.bias)
    return module


def _inputs() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, CHANNELS, 5, 5, generator=generator, dtype=torch.float64)


def test_6466_classes_and_their_cheapest_members() -> None:
    members: dict[Arch, list[Arch]] = defaultdict(list)
    for arch in SPACE.enumerate():
        members[SPACE.canonical(arch)].append(arch)
    assert len(members) == 6_466
    for representative, isomorphic in members.items():
        assert representative in isomorphic
        assert SPACE.canonical(representative) == representative
        kept = SPACE.sizes(representative, TASK)
        all_sizes = [SPACE.sizes(arch, TASK) for arch in isomorphic]
        assert kept.params == min(sizes.params for sizes in all_sizes)
        assert kept.macs == min(sizes.macs for sizes in all_sizes)


def test_merged_cells_compute_the_same_function() -> None:
    inputs, compared = _inputs(), 0
    for arch in draw(SPACE, 400, seed=3):
        canonical = SPACE.canonical(arch)
        if canonical != arch:
            compared += 1
            torch.testing.assert_close(_tied(_cell(arch))(inputs), _tied(_cell(canonical))(inputs))
    assert compared > 100


@pytest.mark.parametrize(
    ("one", "other", "edges", "merged"),
    [
        # A convolution read through a skip is the convolution itself.
        (
            "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
            "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|",
            {"0_1": "0_2"},
            True,
        ),
        # Nodes 1 and 2 change places: equal, but the published rule tells them apart.
        (
            "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|skip_connect~1|skip_connect~2|",
            "|nor_conv_1x1~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|skip_connect~2|",
            {"0_1": "0_2", "0_2": "0_1"},
            False,
        ),
        # What nothing reads does not matter.
        (
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|none~0|nor_conv_1x1~1|none~2|",
            "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|nor_conv_1x1~1|none~2|",
            {"0_1": "0_1", "1_3": "1_3"},
            True,
        ),
    ],
)
def test_equal_logits_after_copying_the_edges(
    one: str, other: str, edges: dict[str, str], merged: bool
) -> None:
    archs = [SPACE.from_string(text) for text in (one, other)]
    first, second = (build(SPACE, arch, TASK) for arch in archs)
    target = second.state_dict()
    for name, tensor in first.state_dict().items():
        before, cut, rest = name.partition(".edges.")
        edge, _, parameter = rest.partition(".")
        if not cut:
            target[name].copy_(tensor)
        elif edge in edges:
            target[f"{before}.edges.{edges[edge]}.{parameter}"].copy_(tensor)
    torch.testing.assert_close(first(images(TASK)), second(images(TASK)), rtol=0, atol=1e-6)
    assert (SPACE.canonical(archs[0]) == SPACE.canonical(archs[1])) == merged


def _without_gradient(arch: Arch) -> list[str]:
    cell = NasBench201Cell(_cell(arch), CHANNELS).double()
    inputs = _inputs().requires_grad_()
    (cell(inputs) + inputs).sum().backward()
    return [name for name, parameter in cell.named_parameters() if parameter.grad is None]


def test_canonical_cells_train_all_their_convolutions() -> None:
    for arch in draw(SPACE, 300, seed=4):
        assert not _without_gradient(SPACE.canonical(arch))


def test_an_unread_convolution_counts_but_gets_no_gradient() -> None:
    arch = SPACE.from_string("|none~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|none~2|")
    unread = _without_gradient(arch)
    assert unread
    assert all(name.startswith("edges.0_2.") for name in unread)
    assert SPACE.sizes(arch, TASK).params > SPACE.sizes(SPACE.canonical(arch), TASK).params


def test_free_operations_that_the_output_does_not_need_are_left_out() -> None:
    arch = SPACE.from_string(
        "|none~0|+|avg_pool_3x3~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|none~2|"
    )
    assert list(NasBench201Cell(_cell(arch), CHANNELS).edges) == ["0_3"]


def test_a_cell_without_a_path_gives_zeros() -> None:
    for text in (
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|avg_pool_3x3~1|none~2|",
    ):
        output = NasBench201Cell(_cell(SPACE.from_string(text)), CHANNELS).double()(_inputs())
        assert torch.equal(output, torch.zeros_like(_inputs()))


def test_the_output_is_the_published_sum_of_edges() -> None:
    cell = NasBench201Cell(_cell(SPACE.arch_at(123)), CHANNELS).double().eval()
    x, edges = _inputs(), cell.edges
    node_1 = edges["0_1"](x)
    node_2 = edges["0_2"](x) + edges["1_2"](node_1)
    expected = edges["1_3"](node_1) + edges["2_3"](node_2)
    torch.testing.assert_close(cell(x), expected)
    assert isinstance(edges["0_1"], nn.AvgPool2d)
    assert [type(layer) for layer in edges["2_3"].children()] == [
        nn.ReLU,
        nn.Conv2d,
        nn.BatchNorm2d,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|avg_pool_3x3~2|",
        "|none~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|none~0|skip_connect~1|skip_connect~2|",
        "|none~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|avg_pool_3x3~2|",
        "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|skip_connect~1|skip_connect~2|",
    ],
)
def test_what_is_executed_computes_the_same(text: str) -> None:
    whole = SPACE.canonical(SPACE.parse(text))
    executed = SPACE.executed(SPACE.parse(text))
    first, second = (SPACE.build(arch, TASK).eval() for arch in (whole, executed))
    for name, tensor in first.state_dict().items():
        if tensor.is_floating_point():
            nn.init.uniform_(tensor, 0.5, 1.5) if name.endswith("var") else nn.init.normal_(tensor)
    second.load_state_dict(first.state_dict())
    pixels = torch.randn(2, 2, 8, 8)
    torch.testing.assert_close(first(pixels), second(pixels))
    assert list(executed.values()).count("none") >= list(whole.values()).count("none")
