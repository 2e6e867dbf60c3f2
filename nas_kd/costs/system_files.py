"""What Linux tells of a machine in files; elsewhere they are empty."""

from __future__ import annotations

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def read_system_file(path: Path) -> str:
    """The text without the space around it; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def listed_cpus(cpuinfo: Path = CPUINFO) -> list[dict[str, str]]:
    """Facts by name for every entry of ``/proc/cpuinfo``: one a CPU."""
    return [_facts(entry) for entry in read_system_file(cpuinfo).split("\n\n")]


def _facts(entry: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in entry.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
