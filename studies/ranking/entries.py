"""What is judged: proxies, fusions of them, sizes, and columns of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name
from proxies import PROXIES
from studies.default_proxies import DEFAULT_FUSION, default_proxies
from studies.fusions import PRESETS, Fusion

ALL = "all"
DEFAULT = "default"
"""The score of a search that is not told otherwise."""
SIZES = ("params", "macs")
"""Counted on the network as the table writes it."""
CANONICAL = {f"canonical_{name}": name for name in SIZES}
"""Counted on its canonical representative, which is what a search would build."""

Kind: TypeAlias = Literal["proxy", "structure", "column"]


@dataclass(frozen=True)
class Entry:
    """One row of the answer.

    Attributes:
        name: A proxy, a size, ``a+b`` for a fusion by log-ranks, a preset, `DEFAULT`, or a column.
        kind: ``proxy``, ``structure`` (free, from the sizes alone) or ``column`` (of the table).
        members: Proxies and sizes it is made of; itself, unless it is a fusion.
        fusion: How several members become one score.
    """

    name: str
    kind: Kind
    members: tuple[str, ...]
    fusion: Fusion = "log-rank"

    @property
    def on_scale(self) -> bool:
        """Whether a reference sets the scale on which the members are fused."""
        return len(self.members) > 1 and self.fusion == "reference"

    @property
    def scored(self) -> tuple[str, ...]:
        """The members that look at a network."""
        if self.kind == "column":
            return ()
        return tuple(name for name in self.members if not is_size(name))


def is_size(name: str) -> bool:
    """Whether ``name`` is counted and not scored."""
    return name in SIZES or name in CANONICAL


def read_entries(names: Sequence[str], space: str) -> list[Entry]:
    """The entries that ``--proxies`` names, each once; `ALL` and single sizes are left out.

    Args:
        names: Proxies, fusions, presets, `DEFAULT`, sizes or `ALL`.
        space: Name of the space, which decides what `DEFAULT` is.

    Raises:
        UsageError: A proxy is unknown.
    """
    named = [name for name in dict.fromkeys(names) if name != ALL and not is_size(name)]
    entries = [_read(name, space) for name in named]
    for name in dict.fromkeys(member for entry in entries for member in entry.members):
        if name not in PROXIES and not is_size(name):
            raise UsageError(
                unknown_name("proxies", name, [*PROXIES.names(), *PRESETS, DEFAULT, *CANONICAL])
            )
    return entries


def every_proxy() -> list[str]:
    """All registered proxies but the sizes, which are judged anyway."""
    return [name for name in PROXIES.names() if not is_size(name)]


def structure(name: str) -> Entry:
    """The entry of a size."""
    return Entry(name, "structure", (name,))


def column(name: str) -> Entry:
    """The entry of a column of the table."""
    return Entry(name, "column", (name,))


def proxy(name: str) -> Entry:
    """The entry of a single proxy."""
    return Entry(name, "proxy", (name,))


def _read(name: str, space: str) -> Entry:
    if name == DEFAULT:
        return Entry(name, "proxy", default_proxies(space), DEFAULT_FUSION)
    if name in PRESETS:
        return Entry(name, "proxy", PRESETS[name].proxies, PRESETS[name].fusion)
    if name in PROXIES or "+" not in name:
        return proxy(name)
    members = tuple(member.strip() for member in name.split("+"))
    if not all(members):
        raise UsageError(
            f"--proxies: {name!r} lacks a name beside a plus; write it as jacov+params."
        )
    return Entry(name, "structure" if all(map(is_size, members)) else "proxy", members)
