"""Pictures of architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

from nas_kd.report.architecture import student_drawing
from nas_kd.report.architecture_plot import architecture_svg, draw_architecture
from search_spaces import SPACES, Block, CellGraph, Drawing, Edge, create_space, drawing_of
from tests.report.samples import candidates, document

CELL = CellGraph(
    "cell", ("in", "out"), (Edge("in", "out", "conv"), Edge("in", "out", "none", faint=True))
)
ATTACK = "--></svg><script>alert(1)</script> $\\frac$ $"


@pytest.mark.parametrize("name", SPACES.names())
def test_all_spaces_are_painted(name: str, tmp_path: Path) -> None:
    space = create_space(name)
    for arch in space.anchors():
        path = draw_architecture(drawing_of(space, arch), tmp_path / "architecture.png")
        with Image.open(path) as image:
            assert image.width == 1536
            assert len(set(np.asarray(image.convert("L")).ravel().tolist())) > 20
    assert [file.name for file in tmp_path.iterdir()] == ["architecture.png"]
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(
    "drawing",
    [
        Drawing("only words " * 40),
        Drawing("$x", (Block("a $ sign", ("a detail that is longer than its box " * 2,)),)),
        Drawing("many", tuple(Block(f"b{number}", repeats=number) for number in range(1, 40))),
        Drawing("a cell alone", cells=(CELL, CellGraph("one node", ("x",), ()))),
    ],
)
def test_odd_drawings_are_painted(drawing: Drawing, tmp_path: Path) -> None:
    path = draw_architecture(drawing, tmp_path / "architecture.png")
    with Image.open(path) as image:
        border = np.asarray(image.convert("L"))
    assert (border < 128).any()
    # Nothing runs over the sides.
    assert (border[:, [0, -1]] == 255).all()


def test_the_blocks_grow_with_what_they_say() -> None:
    def height(drawing: Drawing) -> float:
        view = ElementTree.fromstring(architecture_svg(drawing)).attrib["viewBox"]
        return float(view.split()[3])

    rows = [tuple(Block("b", ("d",) * lines) for _ in range(3)) for lines in (0, 1, 4)]
    heights = [height(Drawing("", blocks)) for blocks in rows]
    assert heights == sorted(set(heights))
    assert height(Drawing("", rows[0] * 4)) > height(Drawing("", rows[0]))


def test_an_svg_is_the_same_each_time_and_holds_nothing_foreign() -> None:
    drawing = Drawing(ATTACK, (Block(ATTACK, (ATTACK,)),), (CELL,))
    text = architecture_svg(drawing)
    assert architecture_svg(drawing) == text
    names = {element.tag.split("}")[1] for element in ElementTree.fromstring(text).iter()}
    assert names <= {"svg", "defs", "style", "g", "path", "use", "clipPath", "rect"}
    assert "<script" not in text


def test_the_student_of_a_run_is_drawn_by_its_space() -> None:
    result: dict[str, Any] = document(candidates())
    drawing = student_drawing(result)
    assert drawing is not None
    assert drawing.blocks[0].details[1] == "16 channels"
    assert len(drawing.cells) == 1
    assert student_drawing({**result, "student": None}) is None


def test_a_space_that_is_gone_leaves_the_words() -> None:
    result: dict[str, Any] = document(candidates())
    result["space"] = {"name": "of-a-removed-package", "options": {}}
    assert student_drawing(result) == Drawing(caption=result["student"]["description"])
