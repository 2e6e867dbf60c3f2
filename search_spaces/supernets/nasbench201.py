"""The supernet of NAS-Bench-201: every cell holds all five operations on all six edges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from search_spaces._arch import Arch
from search_spaces._counting import halved
from search_spaces._nasbench201_cells import EDGES, OPERATIONS, Cell, read_cell
from search_spaces._nasbench201_modules import (
    NasBench201Cell,
    NasBench201Network,
    ReluConvNorm,
    operation,
)
from search_spaces._space import Task
from search_spaces._stem import stem_side
from search_spaces.nasbench201 import NasBench201
from search_spaces.supernets._mixture import CellKind, Mixture
from search_spaces.supernets._nasbench201_cell import KERNELS, KIND, MixedCell
from search_spaces.supernets._partial import require_share
from search_spaces.supernets._placed import Placed, Uses

_STAGES = 3


class NasBench201Supernet(nn.Module):
    """Images ``(B, in_channels, S, S)`` to logits ``(B, class)``, for a cell or a mixture of cells.

    Sizes of maps are those of a ``stem_stride`` of 1.

    With the space's default options 1,686,106 parameters: the batch norms in cells have no scale
    and shift, those between cells do.

    Args:
        space: The skeleton.
        task: What it classifies.
        partial: A channel in so many goes through the operations of an edge, the others bypass
            them; the found cell then has to be trained afresh.
        keep_none: Whether an edge of a found cell may be ``none``, as the benchmark's authors have
            it; without, it gets the strongest other operation, which is DARTS's own rule.
    """

    def __init__(
        self, space: NasBench201, task: Task, *, partial: int = 1, keep_none: bool = True
    ) -> None:
        super().__init__()
        require_share(space.name, space.channels, partial)
        self.space, self.task, self.partial = space, task, partial
        self._kind = CellKind(EDGES, OPERATIONS, decodes_none=keep_none)
        self.skeleton = NasBench201Network(
            ("none",) * len(EDGES),
            channels=space.channels,
            cells_per_stage=0,
            in_channels=task.in_channels,
            num_classes=task.num_classes,
            stem_stride=space.stem_stride,
        )
        self.stages = nn.ModuleList(
            nn.ModuleList(
                MixedCell(space.channels * 2**stage, partial) for _ in range(space.cells_per_stage)
            )
            for stage in range(_STAGES)
        )

    @property
    def kinds(self) -> Mapping[str, CellKind]:
        """What there is to choose."""
        return {KIND: self._kind}

    def forward(self, images: Tensor, choice: Arch | Mixture) -> Tensor:
        return self.classify(self.last_map(images, choice))

    def last_map(self, images: Tensor, choice: Arch | Mixture) -> Tensor:
        """The map before pooling, ``(B, 4 channels, S/4, S/4)``."""
        mixture = self.mixture_of(choice) if isinstance(choice, Arch) else choice
        x = self.skeleton.stem(images)
        reductions = (nn.Identity(), self.skeleton.reduction_1, self.skeleton.reduction_2)
        for reduction, cells in zip(reductions, self.stages, strict=True):
            x = reduction(x)
            for cell in cast(nn.ModuleList, cells):
                x = cell(x, mixture)
        last: Tensor = self.skeleton.last_activation(x)
        return last

    def classify(self, last_map: Tensor) -> Tensor:
        """The logits, ``(B, class)``."""
        logits: Tensor = self.skeleton.classifier(self.skeleton.pool(last_map).flatten(1))
        return logits

    def mixture_of(self, arch: Arch) -> Mixture:
        """The mixture in which nothing but the cell ``arch`` counts."""
        cell = self._cell(arch)
        rows = [[float(name == operation) for name in OPERATIONS] for operation in cell]
        device = self.skeleton.classifier.weight.device
        return Mixture({KIND: torch.tensor(rows, device=device)})

    def discretise(self, mixture: Mixture) -> Arch:
        """On every edge the operation that counts most, of equal ones the first."""
        first = self._kind.first_decoded
        rows = (row[first:] for row in mixture.rows[KIND])
        chosen = (OPERATIONS[first + row.index(max(row))] for row in rows)
        return Arch(dict(zip(self.space.distributions, chosen, strict=True)))

    def extract(self, arch: Arch) -> NasBench201Network:
        """The space's own network with copies of the weights, in this module's mode.

        Raises:
            UsageError: Only a part of the channels went through the operations.
        """
        if self.partial > 1:
            raise UsageError(
                f"{self.space.name}: a supernet of partial channels holds no weights for whole "
                "operations; build the cell and train it afresh."
            )
        with torch.random.fork_rng(devices=[]):
            network = cast(NasBench201Network, self.space.build(arch, self.task))
        network.load_state_dict(self.skeleton.state_dict(), strict=False)
        stages = (network.stage_1, network.stage_2, network.stage_3)
        for cells, mixed_cells in zip(stages, self.stages, strict=True):
            for cell, mixed in zip(cells, cast(nn.ModuleList, mixed_cells), strict=True):
                _inherit(cast(NasBench201Cell, cell), cast(MixedCell, mixed), self._cell(arch))
        device = self.skeleton.classifier.weight.device
        return network.to(device).train(self.training)

    def operation_macs(self) -> Mapping[str, Tensor]:
        """Kind of cell to the MACs ``(edge, operation)`` that a choice adds to the network."""
        base = Arch(dict.fromkeys(self.space.distributions, "none"))
        whole = self.space.sizes(base, self.task).macs
        added = []
        for name in OPERATIONS:
            one = base.replace(**{next(iter(self.space.distributions)): name})
            added.append(self.space.sizes(one, self.task).macs - whole)
        return {KIND: torch.tensor([added] * len(EDGES), dtype=torch.float64)}

    def placed_operations(self) -> Uses:
        """What the space's network holds for every choice."""
        stages, side = [], stem_side(self.task.image_size, self.space.stem_stride)
        for stage in range(_STAGES):
            stages.append((self.space.channels * 2**stage, side))
            side = halved(side)
        row = [
            Counter(
                {
                    Placed(name, channels, side, stride=1): self.space.cells_per_stage
                    for channels, side in stages
                    if name != "none"
                }
            )
            for name in OPERATIONS
        ]
        return {KIND: [row] * len(EDGES)}

    def placed_module(self, placed: Placed) -> nn.Module:
        """That operation of the space's network, freshly initialised."""
        return operation(placed.operation, placed.channels)

    def _cell(self, arch: Arch) -> Cell:
        cell = read_cell(self.space.describe(arch))
        assert cell is not None
        return cell


@torch.no_grad()
def _inherit(cell: NasBench201Cell, mixed: MixedCell, operations: Cell) -> None:
    """Copies the convolutions of the chosen operations."""
    for (source, target), name in zip(EDGES, operations, strict=True):
        if name not in KERNELS:
            continue
        group = mixed.edge_convolutions(name, source)
        edge = cast(ReluConvNorm, cell.edges[f"{source}_{target}"])
        rows = group.rows(target - source - 1)
        edge.convolution.weight.copy_(group.convolution.weight[rows])
        for buffer in ("running_mean", "running_var"):
            getattr(edge.norm, buffer).copy_(getattr(group.norm, buffer)[rows])
