"""Cells that are of no use are known by their genes."""

from __future__ import annotations

import torch

from nas_kd.training.darts.found_cell import cell_warning, skips_by_kind
from search_spaces import Arch, Darts, NasBench201
from search_spaces._darts_published import PUBLISHED
from search_spaces._nasbench201_cells import read_cell
from search_spaces._nasbench201_modules import NasBench201Cell
from tests.contracts.search_space import draw

NB201, DARTS = NasBench201(), Darts()


def warned(arch: Arch) -> str:
    return cell_warning(NB201, arch) or ""


def test_as_many_cells_are_cut_off_as_the_benchmark_has() -> None:
    told = {arch: warned(arch) for arch in NB201.enumerate()}
    cut_off = {arch for arch, warning in told.items() if "does not depend" in warning}
    collapsed = {arch for arch, warning in told.items() if "No operation of the cell" in warning}
    assert len(cut_off) == 15_625 - 15_284
    without = {arch for arch in told if not any("conv" in str(value) for value in arch.values())}
    assert len(without) == 3**6
    assert without <= cut_off | collapsed
    assert not any(told[arch] for arch in NB201.anchors()[::2])  # the largest, and ResNet's


def test_a_cell_that_is_cut_off_gives_the_same_for_all_maps() -> None:
    archs = [arch for arch in NB201.enumerate() if "does not depend" in warned(arch)][::40]
    one, other = torch.randn(2, 2, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    for arch in [*archs, *draw(NB201, 12)]:
        operations = read_cell(NB201.describe(arch))
        assert operations is not None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            cell = NasBench201Cell(operations, 8).eval()
        assert torch.equal(cell(one), cell(other)) == ("does not depend" in warned(arch))


def test_a_convolution_that_leads_nowhere_does_not_count() -> None:
    none = dict.fromkeys(NB201.distributions, "none")
    skip = Arch({**none, "edge_0_3": "skip_connect"})
    assert "No operation of the cell has weights" in warned(skip)
    assert "keep_none=false" in warned(Arch(none))
    for idle in ("edge_0_1", "edge_2_3"):
        assert warned(skip.replace(**{idle: "nor_conv_3x3"})) == warned(skip)
    assert warned(skip.replace(edge_0_1="nor_conv_3x3", edge_1_3="skip_connect")) == ""


def test_only_normal_cells_of_the_darts_space_are_warned_of() -> None:
    """Reducing cells of published genotypes hold nothing but poolings and skips."""
    for name in PUBLISHED:
        assert cell_warning(DARTS, DARTS.parse(name)) is None
    skips = Arch(
        {
            name: value if name.endswith("inputs") or name.startswith("reduce") else "skip_connect"
            for name, value in DARTS.parse("PC_DARTS").items()
        }
    )
    assert "No operation of the normal cell has weights" in (cell_warning(DARTS, skips) or "")
    assert skips_by_kind(skips) == {"normal": (8, 8), "reduce": (0, 8)}
    assert skips_by_kind(DARTS.parse("DARTS_V2")) == {"normal": (2, 8), "reduce": (3, 8)}
    assert skips_by_kind(NB201.parse("1835")) == {"edge": (6, 6)}
