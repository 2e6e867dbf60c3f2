"""What can be said of a found cell by its genes alone, without any network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

Genes = Mapping[str, int | str]

_NASBENCH201, _DARTS = "nasbench201", "darts"
_SKIP, _NONE = "skip_connect", "none"
_INPUT, _OUTPUT = 0, 3
"""Nodes of a cell of NAS-Bench-201."""

_CUT_OFF = (
    "The output of the cell does not depend on its input, so that no network of it can learn. "
    "Search again, with keep_none=false."
)
_COLLAPSED = (
    "No operation of the {cell} has weights: the search has collapsed. Search for fewer epochs, "
    "with early_stop=true and eigenvalue_every=1, or by a method that holds skip connections back, "
    "as beta-darts or darts-minus."
)


def skips_by_kind(space: str, arch: Genes) -> dict[str, tuple[int, int]]:
    """Kind of cell to how many of its operations are skip connections, and of how many.

    Args:
        space: Name of the cell's space; of others than the DARTS space, whose kinds are ``normal``
            and ``reduce``, and NAS-Bench-201, whose kind is ``edge``, nothing is known.
        arch: Its genes.
    """
    all_of, skips = Counter[str](), Counter[str]()
    if space in (_NASBENCH201, _DARTS):
        for kind, operation in _operations(arch):
            all_of[kind] += 1
            skips[kind] += operation == _SKIP
    return {kind: (skips[kind], number) for kind, number in all_of.items()}


def cell_warning(space: str, arch: Genes) -> str:
    """What makes the cell useless, in one line; empty where nothing does.

    The output of a cell of NAS-Bench-201 may not depend on its input, and no operation that its
    output depends on may have weights; nor may any of a normal cell of the DARTS space. Reducing
    cells are left out: published ones hold nothing but poolings and skip connections.

    Args:
        space: Name of the cell's space; nothing is said of others than those two.
        arch: Its genes.
    """
    if space == _DARTS:
        cell = "normal cell"
        counting = [operation for kind, operation in _operations(arch) if kind == "normal"]
    elif space == _NASBENCH201:
        cell, counting = "cell", _counting(arch)
    else:
        return ""
    if not counting:
        return _CUT_OFF
    has_weights = any("conv" in operation for operation in counting)
    return "" if has_weights else _COLLAPSED.format(cell=cell)


def _operations(arch: Genes) -> Iterator[tuple[str, str]]:
    """Kind of cell and operation of every edge."""
    for name, value in arch.items():
        if not name.endswith("_inputs"):
            yield name.partition("_")[0], str(value)


def _counting(arch: Genes) -> list[str]:
    """The operations on all ways from the input of a cell of NAS-Bench-201 to its output."""
    edges = sorted(
        (int(source), int(target), str(operation))
        for (_, source, target), operation in ((n.split("_"), value) for n, value in arch.items())
        if operation != _NONE
    )
    reached, used = {_INPUT}, {_OUTPUT}
    for source, target, _ in edges:
        if source in reached:
            reached.add(target)
    for source, target, _ in reversed(edges):
        if target in used:
            used.add(source)
    return [
        operation for source, target, operation in edges if source in reached and target in used
    ]
