"""NAS-Bench-201, the topology space of NATS-Bench: one cell of six edges, five operations each."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

from optuna.distributions import CategoricalDistribution
from torch import nn

from search_spaces import _counting as count
from search_spaces._arch import Arch
from search_spaces._checks import require_built, require_positive, require_task
from search_spaces._drawing import Block, Drawing
from search_spaces._gene_space import GeneSpace
from search_spaces._nasbench201_cells import (
    EDGES,
    OPERATIONS,
    Cell,
    cells_by_index,
    enumerate_cells,
    format_cell,
    index_by_cell,
    read_cell,
    representatives,
    used_edges,
    without_idle_edges,
)
from search_spaces._nasbench201_drawing import cell_graph
from search_spaces._nasbench201_fusion import glue_operators
from search_spaces._nasbench201_modules import NasBench201Network
from search_spaces._space import AnyTask, IllegalArchError, Sizes, Task
from search_spaces._stem import (
    require_stem_stride,
    stem_block,
    stem_side,
    stem_sizes,
    stem_widths,
)

_GENES = tuple(f"edge_{source}_{target}" for source, target in EDGES)
_RESNET_CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"


class NasBench201(GeneSpace):
    """The 15,625 cells of NAS-Bench-201, in the benchmark's skeleton or a smaller one.

    With the default options and 32 x 32 images a student is the network that the benchmark trained.

    Args:
        channels: Channels of the first stage; the second and third have two and four times as many.
        cells_per_stage: Cells in each of the three stages.
        stem_stride: By how much the stem shrinks the images, 1, 2, 4 or 8: 4 for images of 224
            pixels, whose first stage is then as large as that of a ResNet. Published is 1; the
            others are ours, with a convolution of stride 2 for every halving.

    Source: Dong and Yang, NAS-Bench-201, ICLR 2020; Dong et al., NATS-Bench, TPAMI 2021.
    """

    name = "nasbench201"
    task_type = Task
    source = "NAS-Bench-201 (Dong & Yang, ICLR 2020), NATS-Bench (TPAMI 2021)"

    def __init__(self, channels: int = 16, cells_per_stage: int = 5, stem_stride: int = 1) -> None:
        require_positive(self.name, channels=channels, cells_per_stage=cells_per_stage)
        require_stem_stride(self.name, stem_stride)
        super().__init__({gene: CategoricalDistribution(OPERATIONS) for gene in _GENES})
        self.channels = channels
        self.cells_per_stage = cells_per_stage
        self.stem_stride = stem_stride

    def canonical(self, arch: Arch) -> Arch:
        """The cheapest of the cells that the benchmark calls isomorphic: 6,466 classes.

        The benchmark's rule does not see which edges share weights: what follows from that is said
        at `search_spaces._nasbench201_cells.isomorphism_key`.
        """
        return _arch(representatives()[self._cell(arch)])

    def executed(self, arch: Arch) -> Arch:
        """The canonical cell without the pools and skips that pass on nothing but zeros."""
        return _arch(without_idle_edges(representatives()[self._cell(arch)]))

    def glue_operators(self, arch: Arch) -> Mapping[str, int]:
        """Additions, activations and zero maps in one canonical cell."""
        return glue_operators(without_idle_edges(representatives()[self._cell(arch)]))

    def build(self, arch: Arch, task: AnyTask) -> nn.Module:
        """A `NasBench201Network` with PyTorch's default initialisation."""
        task = require_task(self.name, task)
        return NasBench201Network(
            self._cell(arch),
            channels=self.channels,
            cells_per_stage=self.cells_per_stage,
            in_channels=task.in_channels,
            num_classes=task.num_classes,
            stem_stride=self.stem_stride,
        )

    def features(self, module: nn.Module) -> list[str]:
        """The stem, the ends of the three stages, and the last map after its BN and ReLU."""
        require_built(self.name, module, NasBench201Network)
        return ["stem", "stage_1", "stage_2", "stage_3", "last_activation"]

    def head(self, module: nn.Module) -> str:
        require_built(self.name, module, NasBench201Network)
        return "classifier"

    def enumerate(self) -> Iterator[Arch]:
        """All cells in lexicographic order of the operations, first edge slowest."""
        return map(_arch, enumerate_cells())

    def sizes(self, arch: Arch, task: AnyTask) -> Sizes:
        """Closed form: only the numbers of 3x3 and 1x1 convolutions in the cell matter."""
        task = require_task(self.name, task)
        cell = self._cell(arch)
        stride, width = self.stem_stride, self.channels
        side = stem_side(task.image_size, stride)
        parts = [stem_sizes(task, stem_widths(width, stride), stride)]
        for stage in (1, 2, 3):
            if stage > 1:
                side, width = count.halved(side), 2 * width
                parts += [
                    count.convolution(width // 2, width, 3, side),
                    count.convolution(width, width, 3, side),
                    count.repeated(count.batch_norm(width), 2),
                    count.convolution(width // 2, width, 1, side),
                ]
            parts.append(count.repeated(_cell_sizes(cell, width, side), self.cells_per_stage))
        parts += [count.batch_norm(width), count.linear(width, task.num_classes)]
        return count.total(parts)

    def used_operations(self, arch: Arch) -> list[str]:
        """The operations that the output of the cell depends on; none where it is cut off."""
        cell = self._cell(arch)
        used = used_edges(cell)
        return [name for edge, name in zip(EDGES, cell, strict=True) if edge in used]

    def anchors(self) -> list[Arch]:
        """The largest cell, the smallest connected one, and the benchmark's ResNet cell."""
        largest = ("nor_conv_3x3",) * len(EDGES)
        smallest = tuple("skip_connect" if edge == (0, 3) else "none" for edge in EDGES)
        return [_arch(largest), _arch(smallest), self.from_string(_RESNET_CELL)]

    def describe(self, arch: Arch) -> str:
        """The benchmark's notation."""
        return self.to_string(arch)

    def drawing(self, arch: Arch) -> Drawing:
        """The skeleton, and the cell with the edges that do nothing faint."""
        stages: list[Block] = []
        for stage in (1, 2, 3):
            channels = f"{self.channels * 2 ** (stage - 1)} channels"
            if stage > 1:
                stages.append(Block("reduction", ("residual", channels), fixed=True))
            stages.append(Block(f"stage {stage}", ("cell", channels), self.cells_per_stage))
        return Drawing(
            caption=self.describe(arch),
            blocks=(
                stem_block(self.channels, self.stem_stride),
                *stages,
                Block("classifier", fixed=True),
            ),
            cells=(cell_graph(self._cell(arch)),),
        )

    def to_string(self, arch: Arch) -> str:
        """The benchmark's notation, ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
        return format_cell(self._cell(arch))

    def from_string(self, text: str) -> Arch:
        """The arch that `to_string` wrote."""
        cell = read_cell(text)
        if cell is None:
            raise IllegalArchError(
                f"{self.name}: {text!r} is not a cell. Write it as "
                "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|, with each op one of "
                f"{', '.join(OPERATIONS)}."
            )
        return self._member(_arch(cell))

    def index_of(self, arch: Arch) -> int:
        """The benchmark's index of the cell, 0 to 15,624."""
        return index_by_cell()[self._cell(arch)]

    def arch_at(self, index: int) -> Arch:
        """The cell at the benchmark's index ``index``."""
        if not 0 <= index < self.size:
            raise IllegalArchError(
                f"{self.name}: there is no cell {index}; indices run from 0 to {self.size - 1}."
            )
        return _arch(cells_by_index()[index])

    def _read(self, text: str) -> Arch:
        """The benchmark's notation, or an index in digits."""
        return self.arch_at(int(text)) if text.isdecimal() else self.from_string(text)

    def _cell(self, arch: Arch) -> Cell:
        return tuple(str(operation) for operation in self._member(arch).values())


@functools.cache
def _arch(cell: Cell) -> Arch:
    return Arch(dict(zip(_GENES, cell, strict=True)))


def _cell_sizes(cell: Cell, width: int, side: int) -> Sizes:
    kernels = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
    convolutions = (kernels[operation] for operation in cell if operation in kernels)
    return count.total(
        part
        for kernel in convolutions
        for part in (count.convolution(width, width, kernel, side), count.batch_norm(width))
    )
