"""What an inference engine runs in a cell beside convolutions and poolings.

Inference engines fuse: a sum goes into a convolution that nothing else reads, and so does the
activation behind it. What stays by itself costs time, and neither MACs nor parameters.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from search_spaces._nasbench201_cells import EDGES, Cell

_OUTPUT_NODE = 3
_COUNTED = ("zeros", "additions", "fused_additions", "activations")


@dataclass
class _Operator:
    """One operator of the exported graph; `inputs` are places in the list of operators."""

    kind: str
    inputs: tuple[int, ...]
    fused: set[str] = field(default_factory=set)


class _Graph:
    """Equal cells in a row, with the activations of equal inputs shared as engines share them."""

    def __init__(self) -> None:
        self.operators = [_Operator("input", ())]
        self._activations: dict[int, int] = {}

    def append(self, cell: Cell, x: int) -> int:
        """The operators of one more cell on the value ``x``; its output."""
        nodes = {0: x}
        for (source, target), operation in zip(EDGES, cell, strict=True):
            if operation == "none":
                continue
            value = self._edge(operation, nodes[source] if source in nodes else self._add("zeros"))
            nodes[target] = (
                self._add("additions", nodes[target], value) if target in nodes else value
            )
        return nodes[_OUTPUT_NODE] if _OUTPUT_NODE in nodes else self._add("zeros")

    def _edge(self, operation: str, value: int) -> int:
        if operation == "skip_connect":
            return value
        if operation == "avg_pool_3x3":
            return self._add("pooling", value)
        if value not in self._activations:
            self._activations[value] = self._add("activations", value)
        return self._add("convolution", self._activations[value])

    def _add(self, kind: str, *inputs: int) -> int:
        self.operators.append(_Operator(kind, inputs))
        return len(self.operators) - 1

    def fuse(self) -> None:
        """Puts sums and activations into the convolutions before them, where that is allowed."""
        readers = Counter(place for operator in self.operators for place in operator.inputs)
        held_by = list(
            range(len(self.operators))
        )  # the operator that computes each value in the end
        for place, operator in enumerate(self.operators):
            if operator.kind not in ("additions", "activations"):
                continue
            for value in operator.inputs:
                convolution = self.operators[held_by[value]]
                if (
                    readers[value] == 1
                    and convolution.kind == "convolution"
                    and operator.kind not in convolution.fused
                    and "activations" not in convolution.fused
                ):
                    convolution.fused.add(operator.kind)
                    operator.kind = f"fused_{operator.kind}"
                    held_by[place] = held_by[value]
                    break


def glue_operators(cell: Cell) -> dict[str, int]:
    """How often each kind of operator runs in a cell between two others like it.

    Args:
        cell: As `without_idle_edges` returned it.
    """
    graph = _Graph()
    first = graph.append(cell, 0)
    begin = len(graph.operators)
    second = graph.append(cell, first)
    end = len(graph.operators)
    graph.append(cell, second)
    graph.fuse()
    kinds = Counter(operator.kind for operator in graph.operators[begin:end])
    return {kind: kinds[kind] for kind in _COUNTED}
