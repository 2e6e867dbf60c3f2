"""Whether a training step fits into the memory: the system ends a program without a word."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from accelerate import Accelerator

from nas_kd.costs.memory import free_memory
from nas_kd.errors import NasKdError
from nas_kd.training.step_memory import StepMemory

PEAK = 2.0
"""How many times the least a step takes at its height, at most: 1.1 to 1.8 times were measured."""
_GB = 1e9


@dataclass(frozen=True)
class BatchSetting:
    """The setting that says how many images go through the network at once.

    Attributes:
        name: As the user finds it.
        processes: Over how many of them its images are spread.
        least: Images that a process needs.
    """

    name: str
    processes: int = 1
    least: int = 2

    def advice(self, images: int) -> str:
        """What to do where so many images of a process fit."""
        smaller = "take smaller images (--image-size) or smaller networks (--space-option)"
        if images < self.least:
            return f"{smaller.capitalize()}."
        return f"Set {self.name} to {images * self.processes} at most, or {smaller}."


def require_memory(
    find: Callable[[], StepMemory],
    images: int,
    accelerator: Accelerator,
    *,
    what: str,
    setting: BatchSetting,
    note: Callable[[str], object],
) -> None:
    """Compares what a step takes with what is free; on a GPU, which tells itself, nothing is done.

    Args:
        find: What a step takes in this process.
        images: That go through the network at once, in this process.
        accelerator: Of this process; those of the same host share the memory.
        what: Is said first.
        setting: What to lower.
        note: Told where it may be too much.

    Raises:
        NasKdError: A step does not fit, not even with swap.
    """
    if accelerator.device.type != "cpu" or (free := free_memory()) is None:
        return
    here = int(os.environ.get("LOCAL_WORLD_SIZE", accelerator.num_processes))
    memory = find()
    least = here * memory.of(images)
    if PEAK * least <= free.ram:
        return
    fits = memory.most_images(free.ram / (PEAK * here))
    takes = f"a step with {images} images takes at least {least / _GB:.2f} GB of memory"
    shared = f" in {here} processes" if here > 1 else ""
    if least > free.ram + free.swap:
        raise NasKdError(
            f"{what}: {takes}{shared}, and {(free.ram + free.swap) / _GB:.2f} GB are free: the "
            "system would end the program.",
            setting.advice(fits),
        )
    if accelerator.is_main_process:
        height = f"{PEAK * least / _GB:.2f} GB, and {free.ram / _GB:.2f} GB are free"
        note(
            f"WARNING: {takes}{shared}, at its height up to {height}. If the system ends the "
            f"program: {setting.advice(fits)}"
        )
