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
from typing import Any

import torch
from torch import Tensor

from search_spaces.supernets import CellKind, Mixture

AccuracyOf = Callable[[Mixture], float]


class Projection:
    """Decides edge by edge in random order: first the operation of each, then the edges of nodes.

    Args:
        kinds: What there is to choose.
    """

    def __init__(self, kinds: Mapping[str, CellKind]) -> None:
        self._kinds = kinds
        self._operations: dict[tuple[str, int], int] = {}
        self._removed: dict[tuple[str, int], list[int]] = {}

    @property
    def decisions(self) -> int:
        """How many there are in all."""
        return len(self._edges()) + len(self._nodes())

    def mixture(self, expected: Mixture) -> Mixture:
        """The mixture with what is decided; gradients go through the rest."""
        for (kind, edge), operation in self._operations.items():
            expected = _with_row(expected, kind, edge, _keep(operation))
        for (kind, _), edges in self._removed.items():
            for edge in edges:
                expected = _with_row(expected, kind, edge, torch.zeros_like)
        return expected

    def decide(
        self, expected: Mixture, accuracy_of: AccuracyOf, generator: torch.Generator
    ) -> None:
        """Takes the next decision."""
        mixture = self.mixture(expected)
        if edges := [edge for edge in self._edges() if edge not in self._operations]:
            kind, edge = _drawn(edges, generator)
            self._operations[kind, edge] = self._operation(mixture, kind, edge, accuracy_of)
        elif nodes := [node for node in self._nodes() if node not in self._removed]:
            kind, node = _drawn(nodes, generator)
            self._removed[kind, node] = self._superfluous(mixture, kind, node, accuracy_of)

    def state(self) -> dict[str, Any]:
        return {
            "operations": [[*edge, operation] for edge, operation in self._operations.items()],
            "removed": [[*node, edges] for node, edges in self._removed.items()],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self._operations = {(kind, edge): choice for kind, edge, choice in state["operations"]}
        self._removed = {(kind, node): list(edges) for kind, node, edges in state["removed"]}

    def _operation(self, mixture: Mixture, kind: str, edge: int, accuracy_of: AccuracyOf) -> int:
        """The operation without which the accuracy is lowest."""
        choices = self._kinds[kind]
        first = 0 if choices.decodes_none else 1
        without = {
            number: accuracy_of(_with_row(mixture, kind, edge, _drop(number)))
            for number in range(first, len(choices.operations))
        }
        return min(without, key=without.__getitem__)

    def _superfluous(
        self, mixture: Mixture, kind: str, node: int, accuracy_of: AccuracyOf
    ) -> list[int]:
        """The edges into a node that are missed least."""
        choices = self._kinds[kind]
        incoming = [edge for edge, (_, target) in enumerate(choices.edges) if target == node]
        without = {
            edge: accuracy_of(_with_row(mixture, kind, edge, torch.zeros_like)) for edge in incoming
        }
        return sorted(incoming, key=without.__getitem__)[choices.inputs :]

    def _edges(self) -> list[tuple[str, int]]:
        return [
            (kind, edge)
            for kind, choices in self._kinds.items()
            for edge in range(len(choices.edges))
        ]

    def _nodes(self) -> list[tuple[str, int]]:
        return [
            (kind, node)
            for kind, choices in self._kinds.items()
            if choices.inputs is not None
            for node in sorted({target for _, target in choices.edges})
        ]


def _drawn(things: list[tuple[str, int]], generator: torch.Generator) -> tuple[str, int]:
    return things[int(torch.randint(len(things), (1,), generator=generator))]


def _with_row(
    mixture: Mixture, kind: str, edge: int, change: Callable[[Tensor], Tensor]
) -> Mixture:
    weights = mixture.operations[kind].clone()
    weights[edge] = change(weights[edge])
    return replace(mixture, operations={**mixture.operations, kind: weights})


def _keep(operation: int) -> Callable[[Tensor], Tensor]:
    def keep(row: Tensor) -> Tensor:
        return torch.zeros_like(row).index_fill(0, torch.tensor([operation]).to(row.device), 1.0)

    return keep


def _drop(operation: int) -> Callable[[Tensor], Tensor]:
    def drop(row: Tensor) -> Tensor:
        return row.index_fill(0, torch.tensor([operation]).to(row.device), 0.0)

    return drop
