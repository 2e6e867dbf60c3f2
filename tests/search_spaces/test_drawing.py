"""What pictures of archs show."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from nas_kd.errors import UsageError
from search_spaces import (
    SPACES,
    Arch,
    AutoFormerTiny,
    Block,
    CellGraph,
    CifarResNet,
    Drawable,
    Drawing,
    Edge,
    IllegalArchError,
    NasBench201,
    NasBenchMacro,
    Pit,
    SearchSpace,
    create_space,
    drawing_of,
)
from search_spaces._nasbench201_cells import EDGES, enumerate_cells
from search_spaces._nasbench201_drawing import cell_graph
from tests.contracts.search_space import draw

WAYS = [list(itertools.pairwise(nodes)) for nodes in ((0, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3))]
"""Every way from the input to the output of a cell of NAS-Bench-201, as edges."""


@pytest.fixture(params=SPACES.names())
def space(request: pytest.FixtureRequest) -> SearchSpace:
    return create_space(request.param)


def test_every_gene_that_matters_is_shown(space: SearchSpace) -> None:
    assert isinstance(space, Drawable)
    for arch in [*space.anchors(), *draw(space, 5)]:
        drawing, canonical = drawing_of(space, arch), space.canonical(arch)
        assert drawing.caption == space.describe(arch)
        others = [other for other in space.neighbours(arch) if space.canonical(other) != canonical]
        assert others
        for other in others:
            assert _shown(drawing_of(space, other)) != _shown(drawing)


def test_illegal_archs_are_not_drawn(space: SearchSpace) -> None:
    with pytest.raises(IllegalArchError, match=space.name):
        drawing_of(space, Arch({}))


def test_archs_of_other_spaces_are_drawn_in_words() -> None:
    class OwnSpace:
        def describe(self, arch: Arch) -> str:
            return f"own {arch['a']}"

    space: Any = OwnSpace()
    assert drawing_of(space, Arch({"a": 3})) == Drawing(caption="own 3")


@pytest.mark.parametrize(("source", "target"), [("b", "a"), ("a", "a"), ("a", "c"), ("c", "b")])
def test_edges_lead_from_a_node_to_a_later_one(source: str, target: str) -> None:
    with pytest.raises(UsageError, match=f"edge '{source}' to '{target}' of cell"):
        CellGraph("cell", ("a", "b"), (Edge(source, target, "x"),))


def test_edges_off_every_way_to_the_output_are_faint() -> None:
    for cell in enumerate_cells():
        operation = dict(zip(EDGES, cell, strict=True))
        ways = [way for way in WAYS if all(operation[edge] != "none" for edge in way)]
        used = {edge for way in ways for edge in way}
        assert [not edge.faint for edge in cell_graph(cell).edges] == [e in used for e in EDGES]


def test_a_cell_names_its_operations() -> None:
    space = NasBench201(channels=8, cells_per_stage=2)
    text = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"
    drawing = drawing_of(space, space.parse(text))
    (cell,) = drawing.cells
    assert [(edge.source, edge.target, edge.label) for edge in cell.edges] == [
        ("input", "1", "3x3 conv"),
        ("input", "2", "none"),
        ("1", "2", "1x1 conv"),
        ("input", "output", "skip"),
        ("1", "output", "none"),
        ("2", "output", "3x3 pool"),
    ]
    stages = [block for block in drawing.blocks if block.title.startswith("stage")]
    assert [(block.details[1], block.repeats) for block in stages] == [
        ("8 channels", 2),
        ("16 channels", 2),
        ("32 channels", 2),
    ]


def test_stages_of_a_resnet() -> None:
    space = CifarResNet(width=6)
    stem, *stages, classifier = drawing_of(space, space.parse("ResNet[5 1 7]")).blocks
    assert stem.fixed
    assert classifier.fixed
    assert [(block.details[1], block.repeats) for block in stages] == [
        ("6 channels", 5),
        ("12 channels", 1),
        ("24 channels", 7),
    ]


def test_identities_that_change_nothing_are_faint() -> None:
    space = NasBenchMacro(width=4, last_width=24)
    blocks = drawing_of(space, space.parse("00112012")).blocks[1:-2]
    assert [block.details[0] for block in blocks] == [
        "identity", "identity", "mb3_k3", "mb3_k3", "mb6_k5", "identity", "mb3_k3", "mb6_k5",
    ]  # fmt: skip
    # The first layer of a stage changes the width, so its identity is a convolution.
    assert [block.title for block in blocks if block.faint] == ["layer 2"]
    assert [block.details[1] for block in blocks] == [
        *["8 channels"] * 2, *["16 channels"] * 3, *["32 channels"] * 3,
    ]  # fmt: skip


def test_equal_layers_of_a_transformer_are_one_block() -> None:
    space = AutoFormerTiny()
    heads, ratios = "3 3 4 4 4 3 3 3 3 3 3 3", "4 4 4 4 3.5 4 4 4 4 4 4 4"
    patches, *layers, classifier = drawing_of(
        space, space.parse(f"AutoFormer[dim 216, heads {heads}, mlp {ratios}]")
    ).blocks
    assert patches.details == ("216 channels",)
    assert classifier == Block("classifier", fixed=True)
    assert layers == [
        Block("layers 1-2", ("3 heads", "MLP x4"), repeats=2),
        Block("layers 3-4", ("4 heads", "MLP x4"), repeats=2),
        Block("layer 5", ("4 heads", "MLP x3.5")),
        Block("layers 6-12", ("3 heads", "MLP x4"), repeats=7),
    ]


def test_stages_of_a_pooling_transformer() -> None:
    space = Pit()
    arch = space.parse("PiT[base 32, mlp 4, depths 2 6 4, heads 2 4 8]")
    blocks = drawing_of(space, arch).blocks
    assert [block.title for block in blocks] == [
        "patches", "stage 1", "pooling", "stage 2", "pooling", "stage 3", "classifier",
    ]  # fmt: skip
    assert blocks[3] == Block("stage 2", ("128 channels", "4 heads of 32", "MLP x4"), repeats=6)


def _shown(drawing: Drawing) -> object:
    """What is drawn, without the arch in words."""
    return (drawing.blocks, drawing.cells)
