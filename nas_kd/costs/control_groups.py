"""The control groups of Linux that this process is in: their limits hold for it."""

from __future__ import annotations

from pathlib import Path

from nas_kd.costs.system_files import read_system_file

GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def group_folders(
    controller: str, groups: Path = GROUPS, membership: Path = MEMBERSHIP
) -> list[Path]:
    """The groups that may limit what ``controller`` names: of this process, and those around them.

    Args:
        controller: ``cpu`` or ``memory``.
        groups: Where the groups of version 2 are, and one folder for the controllers of version 1.
        membership: Lists the groups of the process.
    """
    folders = []
    for line in read_system_file(membership).splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers == "" or controller in controllers.split(","):
            root = groups / controllers
            inner = root / name.lstrip("/")
            folders += [inner, *(above for above in inner.parents if above.is_relative_to(root))]
    return folders
