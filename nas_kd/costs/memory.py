"""How much memory this process may still take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nas_kd.costs.control_groups import GROUPS, MEMBERSHIP, group_folders
from nas_kd.costs.system_files import read_system_file

_MEMINFO = Path("/proc/meminfo")
_KIB = 1024
_NO_LIMIT = 2**63 - 1
_VERSIONS = (
    ("memory.max", "memory.current", ("inactive_file", "active_file")),
    (
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
)


@dataclass(frozen=True)
class FreeMemory:
    """What is left, in bytes.

    Attributes:
        ram: That nobody uses or that holds copies of files, within the limit of a container.
        swap: Room on the disk for what does not fit: far slower, but nothing is killed.
    """

    ram: int
    swap: int = 0


def free_memory(
    meminfo: Path = _MEMINFO, groups: Path = GROUPS, membership: Path = MEMBERSHIP
) -> FreeMemory | None:
    """What Linux says that is left; None where it cannot be read."""
    facts = _numbers(meminfo)
    if "MemAvailable:" not in facts:
        return None
    left = (_left(folder) for folder in group_folders("memory", groups, membership))
    ram = min(_KIB * facts["MemAvailable:"], *left, _NO_LIMIT)
    return FreeMemory(max(0, ram), _KIB * facts.get("SwapFree:", 0))


def _left(folder: Path) -> int:
    """Bytes below the limit of one control group (version 2, then 1); copies of files give way."""
    for limit, used, of_files in _VERSIONS:
        most, taken = (read_system_file(folder / name) for name in (limit, used))
        if most.isdecimal() and taken.isdecimal():
            facts = _numbers(folder / "memory.stat")
            return int(most) - int(taken) + sum(facts.get(name, 0) for name in of_files)
    return _NO_LIMIT


def _numbers(path: Path) -> dict[str, int]:
    """The first two words of every line, a name and a number."""
    words = (line.split() for line in read_system_file(path).splitlines())
    return {row[0]: int(row[1]) for row in words if len(row) > 1 and row[1].isdecimal()}
