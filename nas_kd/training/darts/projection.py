"""Selection by perturbation: what is missed most when it is taken away is kept.

Source: Wang et al., Rethinking Architecture Selection, ICLR 2021 (arXiv 2108.04392), algorithm 1.
As in its code, weights and architecture parameters are tuned after a decision, at a tenth of the
first learning rate. Not as there: the momentum goes on; the rate stays the same on the DARTS space,
too; accuracies are those of some validation images with re-estimated batch-norm statistics; kinds
of cells are decided in one random order, not in pairs; one look chooses all edges that a node
loses. Its code tunes for 5 epochs (NAS-Bench-201) or 10 (DARTS space) between two decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from nas_kd.training.darts.decisions import Decisions
from search_spaces.supernets import CellKind, Mixture

AccuracyOf = Callable[[Mixture], float]


class Projection:
    """Decides edge by edge in random order: first the operation of each, then the edges of nodes.

    Nodes that keep all of their edges need no decision.

    Args:
        kinds: What there is to choose.
        decisions: Where what is decided is written.
    """

    def __init__(self, kinds: Mapping[str, CellKind], decisions: Decisions) -> None:
        self._kinds, self._decisions = kinds, decisions

    @property
    def total(self) -> int:
        """How many decisions there are in all."""
        return len(self._edges()) + len(self._nodes())

    def decide(self, mixture: Mixture, accuracy_of: AccuracyOf, generator: torch.Generator) -> None:
        """Takes the next decision.

        Args:
            mixture: With all earlier ones.
            accuracy_of: Of a mixture, on held-out images.
            generator: Draws what is decided next.
        """
        if edges := [edge for edge in self._edges() if self._decisions.is_open(*edge)]:
            kind, edge = _drawn(edges, generator)
            operation = self._operation(mixture, kind, edge, accuracy_of)
            self._decisions.choose(kind, edge, operation)
        elif nodes := [node for node in self._nodes() if not self._is_decided(*node)]:
            kind, node = _drawn(nodes, generator)
            for edge in self._superfluous(mixture, kind, node, accuracy_of):
                self._decisions.remove(kind, edge)

    def _operation(self, mixture: Mixture, kind: str, edge: int, accuracy_of: AccuracyOf) -> int:
        """The operation without which the accuracy is lowest."""
        choices = self._kinds[kind]
        without = {
            number: accuracy_of(_with_row(mixture, kind, edge, _drop(number)))
            for number in range(choices.first_decoded, len(choices.operations))
        }
        return min(without, key=without.__getitem__)

    def _superfluous(
        self, mixture: Mixture, kind: str, node: int, accuracy_of: AccuracyOf
    ) -> list[int]:
        """The edges into a node that are missed least."""
        incoming = self._incoming(kind, node)
        without = {
            edge: accuracy_of(_with_row(mixture, kind, edge, torch.zeros_like)) for edge in incoming
        }
        return sorted(incoming, key=without.__getitem__)[self._kinds[kind].inputs :]

    def _edges(self) -> list[tuple[str, int]]:
        return [
            (kind, edge)
            for kind, choices in self._kinds.items()
            for edge in range(len(choices.edges))
        ]

    def _nodes(self) -> list[tuple[str, int]]:
        """Those that lose some of their edges."""
        return [
            (kind, node)
            for kind, choices in self._kinds.items()
            if choices.inputs is not None
            for node in sorted({target for _, target in choices.edges})
            if len(self._incoming(kind, node)) > choices.inputs
        ]

    def _is_decided(self, kind: str, node: int) -> bool:
        return any(self._decisions.is_removed(kind, edge) for edge in self._incoming(kind, node))

    def _incoming(self, kind: str, node: int) -> list[int]:
        """The edges into a node."""
        edges = enumerate(self._kinds[kind].edges)
        return [edge for edge, (_, target) in edges if target == node]


def _drawn(things: list[tuple[str, int]], generator: torch.Generator) -> tuple[str, int]:
    return things[int(torch.randint(len(things), (1,), generator=generator))]


def _with_row(
    mixture: Mixture, kind: str, edge: int, change: Callable[[Tensor], Tensor]
) -> Mixture:
    weights = mixture.operations[kind].clone()
    weights[edge] = change(weights[edge])
    return replace(mixture, operations={**mixture.operations, kind: weights})


def _drop(operation: int) -> Callable[[Tensor], Tensor]:
    def drop(row: Tensor) -> Tensor:
        return row.index_fill(0, torch.tensor([operation]).to(row.device), 0.0)

    return drop
