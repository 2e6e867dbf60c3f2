"""What can be said of a found cell by its genes alone, without any network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nas_kd.training.darts.supernets import CellSpace
from search_spaces import Arch, NasBench201

SKIP = "skip_connect"

_CUT_OFF = (
    "The output of the cell does not depend on its input, so that no network of it can learn. "
    "Search again, with keep_none=false."
)
_COLLAPSED = (
    "No operation of the {cell} has weights: the search has collapsed. Search for fewer epochs, "
    "with early_stop=true and eigenvalue_every=1, or by a method that holds skip connections back, "
    "as beta-darts or darts-minus."
)


def skip_count(arch: Arch) -> int:
    """How many skip connections the cells have: the sign of a collapse."""
    return sum(value == SKIP for value in arch.values())


def skips_by_kind(arch: Arch) -> dict[str, tuple[int, int]]:
    """Kind of cell to how many of its operations are skip connections, and of how many.

    The kinds of the DARTS space are ``normal`` and ``reduce``, that of NAS-Bench-201 is ``edge``.
    """
    all_of, skips = Counter[str](), Counter[str]()
    for kind, operation in _operations(arch):
        all_of[kind] += 1
        skips[kind] += operation == SKIP
    return {kind: (skips[kind], number) for kind, number in all_of.items()}


def cell_warning(space: CellSpace, arch: Arch) -> str | None:
    """What makes the cell useless, in one line; None where nothing does.

    The output of a cell of NAS-Bench-201 may not depend on its input, and no operation that its
    output depends on may have weights; nor may any of a normal cell of the DARTS space. Reducing
    cells are left out: published ones hold nothing but poolings and skip connections.
    """
    if isinstance(space, NasBench201):
        cell, counting = "cell", space.used_operations(arch)
    else:
        cell = "normal cell"
        counting = [operation for kind, operation in _operations(arch) if kind == "normal"]
    if not counting:
        return _CUT_OFF
    has_weights = any("conv" in operation for operation in counting)
    return None if has_weights else _COLLAPSED.format(cell=cell)


def _operations(arch: Arch) -> Iterator[tuple[str, str]]:
    """Kind of cell and operation of every edge."""
    for name, value in arch.items():
        if not name.endswith("_inputs"):
            yield name.partition("_")[0], str(value)
