"""The DARTS cell space: a normal and a reducing cell, each of four nodes with two edges."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from optuna.distributions import BaseDistribution, CategoricalDistribution
from torch import nn

from nas_kd.errors import UsageError
from search_spaces import _counting as count
from search_spaces._arch import Arch
from search_spaces._checks import require_built, require_positive, require_task
from search_spaces._darts_cells import (
    NODES,
    OPERATIONS,
    Cell,
    Genotype,
    canonical_cell,
    format_genotype,
    input_pairs,
    places,
    read_genotype,
    stem_channels,
)
from search_spaces._darts_counting import auxiliary_params, network_sizes
from search_spaces._darts_drawing import cell_graph
from search_spaces._darts_modules import DartsNetwork
from search_spaces._darts_published import PUBLISHED
from search_spaces._drawing import Block, Drawing
from search_spaces._gene_space import GeneSpace
from search_spaces._space import AnyTask, IllegalArchError, Sizes, Task
from search_spaces._stem import require_stem_stride, stem_block, stem_side

_LEAST_CELLS = 3
_FREE_INPUTS = NODES[1:]
"""Nodes that can choose what they read; the first one reads both inputs of the cell."""


class Darts(GeneSpace):
    """The pairs of cells of the DARTS space, in a published network or a smaller one.

    Each of the four nodes of a cell adds up two operations on two different earlier nodes. With
    the default options a student is the network in which published genotypes are trained on CIFAR,
    with ``channels=48 cells=14 stem_stride=8`` that for ImageNet.

    Args:
        channels: Channels of the nodes of the first cells; both reductions double them.
        cells: Cells of the network, at least three; two of them reduce.
        auxiliary: 1 gives the network an auxiliary head, trained through its ``with_auxiliary``
            and idle in `forward`; 0 does not. Its parameters are counted.
        drop_path: Percent of the paths that are dropped at the end of the training, to which the
            trainer raises them from none (published: 20 over 600 epochs).
        pool_norm: 1 puts a batch norm behind every pooling, as in the supernet, so that its weights
            can be inherited; published networks have none.
        stem_stride: By how much the stem shrinks the images, 1, 2, 4 or 8. Published are 1 (CIFAR)
            and 8 (ImageNet, 224 pixels): three convolutions of stride 2 with half of, all of and
            all of ``channels``, of which the first cell reads the second and the third. Ours are
            2, one convolution to ``channels``, and 4, the first two of the three; there the first
            cell reads what the stem gives twice, as for 1. The auxiliary head is that of CIFAR.

    Source: Liu, Simonyan and Yang, DARTS, ICLR 2019 (arXiv 1806.09055).
    """

    name = "darts"
    task_type = Task
    source = "DARTS (Liu, Simonyan & Yang, ICLR 2019, arXiv 1806.09055)"

    def __init__(
        self,
        channels: int = 36,
        cells: int = 20,
        auxiliary: int = 0,
        drop_path: int = 0,
        pool_norm: int = 0,
        stem_stride: int = 1,
    ) -> None:
        require_positive(self.name, channels=channels, cells=cells)
        if cells < _LEAST_CELLS:
            raise UsageError(f"{self.name}: cells is {cells}; two cells reduce, so give 3 or more.")
        for name, value in (("auxiliary", auxiliary), ("pool_norm", pool_norm)):
            if value not in (0, 1):
                raise UsageError(f"{self.name}: {name} is {value!r}; give 0 or 1.")
        if not 0 <= drop_path < 100:
            raise UsageError(f"{self.name}: drop_path is {drop_path}; give a percentage below 100.")
        require_stem_stride(self.name, stem_stride)
        super().__init__(_distributions())
        self.channels = channels
        self.cells = cells
        self.auxiliary = auxiliary
        self.drop_path = drop_path
        self.pool_norm = pool_norm
        self.stem_stride = stem_stride

    def canonical(self, arch: Arch) -> Arch:
        """The arch whose nodes are in the first of all orders that compute the same."""
        normal, reduce = self._genotype(arch)
        return arch_of(Genotype(canonical_cell(normal), canonical_cell(reduce)))

    def build(self, arch: Arch, task: AnyTask) -> nn.Module:
        """A `DartsNetwork` with PyTorch's default initialisation.

        Raises:
            UsageError: An auxiliary head is asked for and the images are too small for it.
        """
        task = require_task(self.name, task)
        return DartsNetwork(
            self._genotype(arch),
            channels=self.channels,
            cells=self.cells,
            in_channels=task.in_channels,
            num_classes=task.num_classes,
            stem_stride=self.stem_stride,
            pool_norm=bool(self.pool_norm),
            auxiliary_side=self._auxiliary_side(task),
            drop_path=self.drop_path / 100,
        )

    def features(self, module: nn.Module) -> list[str]:
        """The stem, and the last cell at each of the three sizes of the map.

        Of a stem of stride 8 it is the map behind its second convolution.
        """
        require_built(self.name, module, DartsNetwork)
        ends = (self.cells // 3, 2 * self.cells // 3, self.cells)
        return ["stem", *(f"cells.{end - 1}" for end in ends)]

    def head(self, module: nn.Module) -> str:
        require_built(self.name, module, DartsNetwork)
        return "classifier"

    def sizes(self, arch: Arch, task: AnyTask) -> Sizes:
        """Closed form; MACs are those of a deployed network, without the auxiliary head."""
        task = require_task(self.name, task)
        sizes = network_sizes(
            self._genotype(arch),
            task,
            channels=self.channels,
            cells=self.cells,
            stem_stride=self.stem_stride,
            pool_norm=bool(self.pool_norm),
        )
        if not self.auxiliary:
            return sizes
        seen = places(self.channels, self.cells)[2 * self.cells // 3].out_channels
        return Sizes(sizes.macs, sizes.params + auxiliary_params(seen, task.num_classes))

    def anchors(self) -> list[Arch]:
        """The largest network, the smallest, and the cells of DARTS (second order) and PC-DARTS."""
        extremes = (arch_of(_uniform(name)) for name in ("sep_conv_5x5", "max_pool_3x3"))
        return [*extremes, self.parse("DARTS_V2"), self.parse("PC_DARTS")]

    def _read(self, text: str) -> Arch:
        """DARTS's notation, or the name of a published genotype."""
        genotype = PUBLISHED.get(text) or read_genotype(text)
        if genotype is None:
            raise IllegalArchError(
                f"{self.name}: {text!r} is not an arch. Write Genotype(normal=[(operation, input), "
                "... eight times], normal_concat=range(2, 6), reduce=[...], "
                f"reduce_concat=range(2, 6)), or one of {', '.join(PUBLISHED)}."
            )
        return arch_of(genotype)

    def describe(self, arch: Arch) -> str:
        """DARTS's notation."""
        return format_genotype(self._genotype(arch))

    def drawing(self, arch: Arch) -> Drawing:
        """The skeleton and the two cells."""
        genotype = self._genotype(arch)
        blocks, channels = [], self.channels
        ends = (0, self.cells // 3, 2 * self.cells // 3, self.cells)
        for number, (start, end) in enumerate(itertools.pairwise(ends)):
            reduces = int(number > 0)
            channels *= 1 + reduces
            details = f"{channels} channels"
            if reduces:
                blocks.append(Block("reducing cell", (details,), fixed=True))
            if repeats := end - start - reduces:
                blocks.append(Block("normal cells", (details,), repeats))
        return Drawing(
            caption=self.describe(arch),
            blocks=(
                stem_block(stem_channels(self.channels, self.stem_stride)[-1], self.stem_stride),
                *blocks,
                Block("classifier", fixed=True),
            ),
            cells=(
                cell_graph("normal cell", genotype.normal),
                cell_graph("reducing cell", genotype.reduce),
            ),
        )

    def _genotype(self, arch: Arch) -> Genotype:
        return genotype_of(self._member(arch))

    def _auxiliary_side(self, task: Task) -> int | None:
        if not self.auxiliary:
            return None
        side = stem_side(task.image_size, self.stem_stride)
        side = count.halved(count.halved(side))
        if side < 2:
            raise UsageError(
                f"{self.name}: images of {task.image_size} pixels are too small for the auxiliary "
                f"head; give images of {4 * self.stem_stride + 1} or more, or auxiliary=0."
            )
        return side


def _distributions() -> dict[str, BaseDistribution]:
    genes: dict[str, BaseDistribution] = {}
    for cell in Genotype._fields:
        for node in NODES:
            if node in _FREE_INPUTS:
                pairs = [f"{first}+{second}" for first, second in input_pairs(node)]
                genes[f"{cell}_{node}_inputs"] = CategoricalDistribution(pairs)
            for edge in ("first", "second"):
                genes[f"{cell}_{node}_{edge}"] = CategoricalDistribution(OPERATIONS)
    return genes


def arch_of(genotype: Genotype) -> Arch:
    """The genes of two cells, in the space's order; they need not be legal."""
    genes: dict[str, str] = {}
    for name, cell in genotype._asdict().items():
        for node, ((first, low), (second, high)) in zip(NODES, cell, strict=True):
            if node in _FREE_INPUTS or (low, high) != (0, 1):
                genes[f"{name}_{node}_inputs"] = f"{low}+{high}"
            genes |= {f"{name}_{node}_first": first, f"{name}_{node}_second": second}
    return Arch(genes)


def genotype_of(arch: Mapping[str, int | str]) -> Genotype:
    """The two cells of a member of the space."""
    return Genotype(*(_cell_of(name, arch) for name in Genotype._fields))


def _cell_of(name: str, arch: Mapping[str, int | str]) -> Cell:
    nodes = []
    for node in NODES:
        pair = arch[f"{name}_{node}_inputs"] if node in _FREE_INPUTS else "0+1"
        low, high = str(pair).split("+")
        first, second = (str(arch[f"{name}_{node}_{edge}"]) for edge in ("first", "second"))
        nodes.append(((first, int(low)), (second, int(high))))
    return tuple(nodes)


def _uniform(operation: str) -> Genotype:
    cell = tuple(((operation, 0), (operation, 1)) for _ in NODES)
    return Genotype(cell, cell)
