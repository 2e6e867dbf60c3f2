"""The supernet of the DARTS space: every cell holds all operations on all fourteen edges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from search_spaces import _counting as count
from search_spaces._arch import Arch
from search_spaces._darts_cells import (
    NODES,
    OPERATIONS,
    Cell,
    Genotype,
    Node,
    Place,
    cells_of,
    places,
)
from search_spaces._darts_counting import operation_sizes
from search_spaces._darts_modules import DartsCell, DartsNetwork, second_stem, stem
from search_spaces._darts_operations import operation
from search_spaces._space import Task
from search_spaces._stem import stem_side
from search_spaces.darts import Darts, arch_of, genotype_of
from search_spaces.supernets._darts_cell import CHOICES, EDGES, MixedCell, MixedEdge
from search_spaces.supernets._mixture import CellKind, Mixture
from search_spaces.supernets._partial import require_share
from search_spaces.supernets._placed import Placed, Uses


class DartsSupernet(nn.Module):
    """Images ``(B, in_channels, S, S)`` to logits ``(B, class)``, for two cells or a mixture.

    Sizes of maps are those of a ``stem_stride`` of 1.

    With 16 channels and 8 cells, as published, 1,930,618 parameters: the batch norms in cells have
    no scale and shift, and there is one behind every pooling.

    Args:
        space: The skeleton; published searches use ``channels=16, cells=8``.
        task: What it classifies.
        partial: A channel in so many goes through the operations of an edge, the others bypass
            them; the found cells then have to be trained afresh.
        auxiliary_skip: Whether edges have a skip connection beside their operations.
    """

    def __init__(
        self, space: Darts, task: Task, *, partial: int = 1, auxiliary_skip: bool = False
    ) -> None:
        super().__init__()
        require_share(space.name, space.channels, partial)
        self.space, self.task, self.partial = space, task, partial
        self.plan = places(space.channels, space.cells, space.stem_stride)
        self.stem = stem(task.in_channels, space.channels, space.stem_stride)
        self.second_stem = second_stem(space.channels, space.stem_stride)
        self.cells = nn.ModuleList(
            MixedCell(place, partial=partial, auxiliary_skip=auxiliary_skip) for place in self.plan
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(self.plan[-1].out_channels, task.num_classes)

    @property
    def kinds(self) -> Mapping[str, CellKind]:
        """What there is to choose."""
        return dict.fromkeys(Genotype._fields, CellKind(EDGES, CHOICES, inputs=2))

    def forward(self, images: Tensor, choice: Arch | Mixture) -> Tensor:
        return self.classify(self.last_map(images, choice))

    def last_map(self, images: Tensor, choice: Arch | Mixture) -> Tensor:
        """The map before pooling, ``(B, 16 channels, S/4, S/4)``."""
        mixture = self.mixture_of(choice) if isinstance(choice, Arch) else choice
        older: Tensor = self.stem(images)
        newer: Tensor = self.second_stem(older)
        for cell in self.cells:
            older, newer = newer, cell(older, newer, mixture)
        return newer

    def classify(self, last_map: Tensor) -> Tensor:
        """The logits, ``(B, class)``."""
        logits: Tensor = self.classifier(self.pool(last_map).flatten(1))
        return logits

    def mixture_of(self, arch: Arch) -> Mixture:
        """The mixture in which nothing but the two cells ``arch`` counts."""
        genotype = self._genotype(arch)._asdict()
        device = self.classifier.weight.device
        return Mixture({kind: _one_hot(cell).to(device) for kind, cell in genotype.items()})

    def discretise(self, mixture: Mixture) -> Arch:
        """The two strongest edges of each node, and on each its strongest operation.

        An edge is as strong as its strongest operation, times its own weight; ``none`` is left
        out, and of equal ones the first is taken. Liu et al., section 2.4.
        """
        return arch_of(Genotype(*(_strongest(kind, mixture) for kind in Genotype._fields)))

    def extract(self, arch: Arch) -> DartsNetwork:
        """The space's network with copies of the weights, in this module's mode.

        Poolings keep the batch norm that they have here: it is what a space with ``pool_norm=1``
        builds.

        Raises:
            UsageError: Only a part of the channels went through the operations.
        """
        if self.partial > 1:
            raise UsageError(
                f"{self.space.name}: a supernet of partial channels holds no weights for whole "
                "operations; build the cells and train them afresh."
            )
        genotype, space = self._genotype(arch), self.space
        inheriting = Darts(space.channels, space.cells, pool_norm=1, stem_stride=space.stem_stride)
        with torch.random.fork_rng(devices=[]):
            network = cast(DartsNetwork, inheriting.build(arch, self.task))
        for name in ("stem", "second_stem", "classifier"):
            network.get_submodule(name).load_state_dict(self.get_submodule(name).state_dict())
        for built, mixed, cell in zip(
            network.cells, self.cells, cells_of(genotype, self.plan), strict=True
        ):
            _inherit(cast(DartsCell, built), cast(MixedCell, mixed), cell)
        return network.to(self.classifier.weight.device).train(self.training)

    def operation_macs(self) -> Mapping[str, Tensor]:
        """Kind of cell to the MACs ``(edge, operation)`` that a choice adds to the network."""
        shape = (len(EDGES), len(CHOICES))
        macs = {kind: torch.zeros(shape, dtype=torch.float64) for kind in Genotype._fields}
        side = stem_side(self.task.image_size, self.space.stem_stride)
        for place in self.plan:
            side = count.halved(side) if place.reduces else side
            macs["reduce" if place.reduces else "normal"] += _edge_macs(place, side)
        return macs

    def placed_operations(self) -> Uses:
        """What the space's network holds for every choice."""
        uses = {
            kind: [[Counter[Placed]() for _ in CHOICES] for _ in EDGES] for kind in Genotype._fields
        }
        side = stem_side(self.task.image_size, self.space.stem_stride)
        for place in self.plan:
            out_side = count.halved(side) if place.reduces else side
            for row, (source, _) in zip(
                uses["reduce" if place.reduces else "normal"], EDGES, strict=True
            ):
                stride = place.stride(source)
                read = side if stride == 2 else out_side
                for name, held in zip(CHOICES, row, strict=True):
                    if name != "none":
                        held[Placed(name, place.channels, read, stride)] += 1
            side = out_side
        return uses

    def placed_module(self, placed: Placed) -> nn.Module:
        """That operation of the space's network, freshly initialised."""
        return operation(
            placed.operation,
            placed.channels,
            placed.stride,
            pool_norm=bool(self.space.pool_norm),
        )

    def _genotype(self, arch: Arch) -> Genotype:
        self.space.describe(arch)  # refuses what is not a member
        return genotype_of(arch)


def _one_hot(cell: Cell) -> Tensor:
    """Weights ``(edge, operation)`` with a one for every edge of the cell."""
    weights = torch.zeros(len(EDGES), len(CHOICES))
    for target, node in zip(NODES, cell, strict=True):
        for name, source in node:
            weights[EDGES.index((source, target)), CHOICES.index(name)] = 1
    return weights


def _strongest(kind: str, mixture: Mixture) -> Cell:
    rows = mixture.rows[kind]
    scale = [1.0] * len(EDGES) if mixture.edges is None else mixture.edges[kind].tolist()

    def strength(edge: int) -> float:
        return scale[edge] * max(rows[edge][1:])

    def node(target: int) -> Node:
        incoming = [edge for edge, (_, end) in enumerate(EDGES) if end == target]
        first, second = sorted(sorted(incoming, key=strength, reverse=True)[:2])
        return _best(rows[first], first), _best(rows[second], second)

    return tuple(node(target) for target in NODES)


def _best(row: Sequence[float], edge: int) -> tuple[str, int]:
    return OPERATIONS[row[1:].index(max(row[1:]))], EDGES[edge][0]


def _inherit(built: DartsCell, mixed: MixedCell, cell: Cell) -> None:
    """Copies the preprocessing and the chosen operations.

    The supernet's batch norms have no scale and shift; those of the network stay one and zero.
    """
    for name in ("older_input", "newer_input"):
        built.get_submodule(name).load_state_dict(
            mixed.get_submodule(name).state_dict(), strict=False
        )
    chosen = [(name, source, target) for target, node in zip(NODES, cell, strict=True)
              for name, source in node]  # fmt: skip
    for edge, (name, source, target) in zip(built.edges, chosen, strict=True):
        theirs = cast(MixedEdge, mixed.edges[EDGES.index((source, target))])
        edge.load_state_dict(theirs.operations[name].state_dict(), strict=False)


def _edge_macs(place: Place, out_side: int) -> Tensor:
    return torch.tensor(
        [
            [float(operation_sizes(name, place, source, out_side).macs) for name in CHOICES]
            for source, _ in EDGES
        ],
        dtype=torch.float64,
    )
