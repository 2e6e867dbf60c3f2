"""What each choice of a cell takes on a device, from measurements of its operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn

from nas_kd.costs import DeviceProfile
from nas_kd.errors import UsageError
from nas_kd.training.darts.network import CellSupernet
from search_spaces.supernets import Placed

if TYPE_CHECKING:  # the registry of methods imports this package
    from nas_kd.training.pretraining.method import Job, Timed


def measured_costs(
    supernet: CellSupernet, profile: DeviceProfile, job: Job
) -> Mapping[str, Tensor]:
    """Kind of cell to milliseconds ``(edge, operation)`` that a choice adds to the network.

    Every operation is measured by itself wherever it stands in the network that is delivered, less
    what a network that does nothing takes on the same maps, and multiplied by how often it stands
    there. What several operations together take in one network can be less, as they share caches.

    Args:
        supernet: That of the delivered network; names the operations and their places.
        profile: The device.
        job: Brings the stopwatch, and the processes, of which the first measures.

    Raises:
        UsageError: The job brings no stopwatch.
        DeviceUnavailableError: The device cannot run ONNX Runtime here.
    """
    uses = supernet.placed_operations()
    places = dict.fromkeys(
        placed for rows in uses.values() for row in rows for held in row for placed in held
    )
    times = _told_by_the_first(job, profile, _modules(supernet, list(places)))

    def cost(held: Counter[Placed]) -> float:
        return sum(count * _added(times, placed) for placed, count in held.items())

    return {
        kind: torch.tensor([[cost(held) for held in row] for row in rows], dtype=torch.float32)
        for kind, rows in uses.items()
    }


def _modules(supernet: CellSupernet, places: list[Placed]) -> dict[str, Timed]:
    """What is measured, by name: every operation, and for each shape of maps doing nothing.

    Where an operation does nothing, as a skip connection, it is not measured again.
    """
    modules: dict[str, Timed] = {}
    with torch.random.fork_rng(devices=[]):
        for placed in places:
            modules[_nothing(placed)] = (nn.Identity(), placed.input_shape)
            module = supernet.placed_module(placed)
            if not isinstance(module, nn.Identity):
                modules[_name(placed)] = (module, placed.input_shape)
    return modules


def _added(times: Mapping[str, float], placed: Placed) -> float:
    nothing = times[_nothing(placed)]
    return max(0.0, times.get(_name(placed), nothing) - nothing)


def _name(placed: Placed) -> str:
    stride = f", stride {placed.stride}" if placed.stride > 1 else ""
    return f"{placed.operation} on {_shape(placed)}{stride}"


def _nothing(placed: Placed) -> str:
    return f"nothing on {_shape(placed)}"


def _shape(placed: Placed) -> str:
    return "x".join(map(str, placed.input_shape))


def _told_by_the_first(
    job: Job, profile: DeviceProfile, modules: Mapping[str, Timed]
) -> Mapping[str, float]:
    """Milliseconds by name: one process measures, so that all have the same."""
    if job.stopwatch is None:
        raise UsageError(
            "cost_table: measured costs need a stopwatch; give the job one "
            "(studies.stopwatch.KeptStopwatch), or a file with your own times."
        )
    accelerator: Accelerator = job.accelerator
    if accelerator.num_processes == 1:
        return job.stopwatch(modules, profile)
    times = [job.stopwatch(modules, profile) if accelerator.is_main_process else None]
    broadcast_object_list(times)
    assert times[0] is not None
    return times[0]
