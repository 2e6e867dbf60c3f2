"""What ``nas-kd doctor`` says about the machine: threads, clocks, load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MUCH_LOAD = 0.3
"""Load average per logical core from which others are likely to disturb."""
_FREE_CLOCKS = {"performance", "schedutil"}
"""Governors that raise the clock as soon as there is work."""


def examine_machine() -> dict[str, Any]:
    """``cpu``, ``threads``, ``clocks`` and ``load``; what cannot be read is left out."""
    from nas_kd.costs.cores import find_cores
    from nas_kd.costs.environment import clocks, cpu_name
    from nas_kd.costs.load import load_averages

    cores = find_cores()
    return {
        "cpu": cpu_name(),
        "threads": {
            "usable": cores.usable,
            "cores": cores.logical,
            "physical": cores.physical,
            "quota": cores.quota,
            "all": cores.all_threads,
        },
        "clocks": clocks(),
        "load": load_averages(),
    }


def find_disturbances(machine: Mapping[str, Any]) -> list[str]:
    """What makes a latency worse or less sure, each with what to do."""
    threads, clocks = machine["threads"], machine["clocks"]
    found = []
    governor = clocks.get("governor")
    if governor is not None and governor not in _FREE_CLOCKS:
        found.append(
            f"The clock's governor is {governor!r}, so short runs may be timed at a low clock: "
            "sudo cpupower frequency-set -g performance"
        )
    quota = threads["quota"]
    if quota is not None and quota < threads["usable"]:
        found.append(
            f"The container may use {quota:g} of {threads['usable']} CPUs; beyond that its threads "
            f"are stopped. Measure with at most --threads {threads['all']}."
        )
    load = machine["load"]
    if load and load[0] > _MUCH_LOAD * threads["cores"]:
        found.append(
            f"Load average {load[0]:g} on {threads['cores']} CPUs: other programs are running. "
            "Measure when the machine is quiet."
        )
    return found
