"""Processor cores: what the machine has, and what this process may use of them."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from nas_kd.costs.control_groups import GROUPS, MEMBERSHIP, group_folders
from nas_kd.costs.profile import usable_cores
from nas_kd.costs.system_files import CPUINFO, listed_cpus, read_system_file
from nas_kd.errors import UsageError

ALL = "all"
"""The name of the profile with one thread per physical core."""
_CPUS = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Cores:
    """Counts of processor cores.

    Attributes:
        logical: CPUs of the machine as its system counts them, hyper-threads among them.
        usable: Those on which this process may run (its affinity).
        physical: Physical cores behind the usable ones.
        quota: CPUs' worth of time that a container may use; None without a limit.
    """

    logical: int
    usable: int
    physical: int
    quota: float | None

    @property
    def all_threads(self) -> int:
        """Threads of the profile ``all``: one per physical core, within the quota, at least one.

        Two threads of one model on one physical core share its arithmetic units, and threads beyond
        the quota are stopped in the middle of a run: both make latency worse and unsteady.
        """
        allowed = self.physical if self.quota is None else min(self.physical, int(self.quota))
        return max(1, allowed)


def find_cores() -> Cores:
    """The cores of this machine and process."""
    return Cores(
        logical=os.cpu_count() or 1,
        usable=usable_cores(),
        physical=physical_cores(),
        quota=cpu_quota(),
    )


def parse_threads(text: str) -> int:
    """Reads a number of threads, or ``all`` for one per physical core.

    Raises:
        UsageError: It is neither.
    """
    words = text.strip().lower()
    if words == ALL:
        return find_cores().all_threads
    if words.isdecimal() and int(words) > 0:
        return int(words)
    raise UsageError(
        f"threads: {text!r} is neither a whole number above zero nor {ALL!r} (one thread per "
        "physical core)."
    )


def physical_cores(cpus: Path = _CPUS, cpuinfo: Path = CPUINFO) -> int:
    """Distinct physical cores among the usable CPUs, by the kernel's topology.

    Where the topology cannot be read, every usable CPU counts as a core.
    """
    if not hasattr(os, "sched_getaffinity"):
        return usable_cores()
    usable = os.sched_getaffinity(0)
    listed = _listed_cores(cpuinfo)
    found = {_core(cpus, cpu) or listed.get(cpu) for cpu in usable}
    return len(usable) if None in found else len(found)


def cpu_quota(groups: Path = GROUPS, membership: Path = MEMBERSHIP) -> float | None:
    """The tightest CPU limit of the control groups of this process, in CPUs; None without one."""
    limits = [_limit(folder) for folder in group_folders("cpu", groups, membership)]
    return min(limits, default=math.inf) if any(map(math.isfinite, limits)) else None


def _core(cpus: Path, cpu: int) -> tuple[str, str] | None:
    """Package and core of one CPU."""
    topology = cpus / f"cpu{cpu}" / "topology"
    package, core = (
        read_system_file(topology / name) for name in ("physical_package_id", "core_id")
    )
    return (package, core) if package and core else None


def _listed_cores(cpuinfo: Path) -> dict[int, tuple[str, str]]:
    """CPU to package and core, as ``/proc/cpuinfo`` lists them."""
    cores = {}
    for facts in listed_cpus(cpuinfo):
        if {"processor", "physical id", "core id"} <= facts.keys():
            cores[int(facts["processor"])] = (facts["physical id"], facts["core id"])
    return cores


def _limit(folder: Path) -> float:
    """CPUs that one control group may use (cgroup v2, then v1); infinite without a limit."""
    quota, _, period = read_system_file(folder / "cpu.max").partition(" ")
    if not quota:
        quota = read_system_file(folder / "cpu.cfs_quota_us")
        period = read_system_file(folder / "cpu.cfs_period_us")
    if quota.isdecimal() and period.isdecimal() and int(period) > 0:
        return int(quota) / int(period)
    return math.inf
