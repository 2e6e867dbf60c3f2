"""accelerate: one process or many, in full or mixed precision."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast
from torch import Tensor, nn

from nas_kd.errors import UsageError
from nas_kd.machine_lock import machine_shared


def make_accelerator(precision: str) -> Accelerator:
    """accelerate's handle on this program's device and processes, in the given precision.

    Raises:
        UsageError: The device cannot train in that precision.
    """
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        # accelerate fixes the precision of a process; an earlier training here had another one.
        AcceleratorState._reset_state(reset_partial_state=False)
    # Cells with cut-off nodes have parameters that take no part in the output.
    parallel = DistributedDataParallelKwargs(find_unused_parameters=True)
    reason = "it has no autocast for it"
    try:
        accelerator = Accelerator(mixed_precision=precision, kwargs_handlers=[parallel])
        if precision == "no" or accelerator.native_amp:  # else float32 would be used silently
            return accelerator
    except ValueError as error:
        reason = str(error)
    raise UsageError(
        f"training: this device cannot train with precision {precision!r} ({reason}). Set "
        "precision to 'no', or to 'bf16' on a CPU or a recent GPU."
    )


def nearest_accelerator(precision: str) -> Accelerator:
    """That of `make_accelerator`, in float32 where this device has not the precision.

    For networks that were trained elsewhere, in what this device need not have.
    """
    try:
        return make_accelerator(precision)
    except UsageError:
        return make_accelerator("no")


def forked_rng(device: torch.device) -> AbstractContextManager[None]:
    """A training's own random state: that of the CPU and of its device is afterwards as before."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


@contextmanager
def computing(accelerator: Accelerator) -> Iterator[float]:
    """Held while a piece of a training is computed, so that nothing is measured meanwhile.

    Gives the seconds for which this process had to wait. One process holds the lock for all: the
    others wait for it where they exchange something, and would not get by who waits to measure.
    On several hosts none does: two trainings that each wait for the other's host would never end.
    """
    began = time.monotonic()
    with machine_shared() if _is_first_on_only_host(accelerator) else nullcontext():
        yield time.monotonic() - began


def _is_first_on_only_host(accelerator: Accelerator) -> bool:
    """By the number of processes on this host that ``torchrun`` and ``accelerate launch`` tell."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE", accelerator.num_processes))
    return bool(accelerator.num_processes <= here and accelerator.is_main_process)


def end_together(accelerator: Accelerator) -> None:
    """Ends the exchange between the processes of a program once all of them are through.

    Every process calls it at its end: one that is gone may take along who is still at work.
    """
    accelerator.wait_for_everyone()
    accelerator.end_training()


def same_buffers(module: nn.Module, accelerator: Accelerator) -> None:
    """Gives all processes the buffers (batch-norm statistics) of the first one."""
    if accelerator.num_processes == 1:
        return
    kinds: dict[torch.dtype, list[Tensor]] = {}
    for buffer in module.buffers():
        kinds.setdefault(buffer.dtype, []).append(buffer)
    for buffers in kinds.values():
        joined = torch.cat([buffer.flatten() for buffer in buffers])
        broadcast(joined)
        for buffer, told in zip(buffers, joined.split([b.numel() for b in buffers]), strict=True):
            buffer.copy_(told.view_as(buffer))


def total(number: float, accelerator: Accelerator) -> float:
    """Sum of one number over all processes."""
    if accelerator.num_processes == 1:
        return number
    tensor = torch.tensor(number, device=accelerator.device, dtype=torch.float32)
    return float(accelerator.reduce(tensor, reduction="sum"))


def means(numbers: Mapping[str, Tensor], accelerator: Accelerator) -> dict[str, float]:
    """Means of scalars over all processes, which have the same names."""
    if not numbers:
        return {}
    joined = torch.stack([number.detach().float() for number in numbers.values()])
    joined = accelerator.reduce(joined, reduction="mean")
    return dict(zip(numbers, joined.tolist(), strict=True))


def first_says(numbers: tuple[float, ...], accelerator: Accelerator) -> tuple[float, ...]:
    """The numbers of the first process, in all processes: clocks do not run alike."""
    if accelerator.num_processes == 1:
        return numbers
    tensor = torch.tensor(numbers, device=accelerator.device, dtype=torch.float32)
    broadcast(tensor)
    return tuple(tensor.tolist())


def mean_gradients(module: nn.Module, accelerator: Accelerator) -> None:
    """Gives all processes the mean of their gradients, each of the same parameters."""
    if accelerator.num_processes == 1:
        return
    gradients = [part.grad for part in module.parameters() if part.grad is not None]
    joined = torch.cat([gradient.flatten() for gradient in gradients])
    mean = accelerator.reduce(joined, reduction="mean")
    for gradient, part in zip(gradients, mean.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
