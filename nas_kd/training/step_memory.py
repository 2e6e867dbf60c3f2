"""What a training step takes of the memory, found with a few images before the training begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nas_kd.training.processes import forked_rng
from nas_kd.training.restored_tensors import restored

_FEW, _MORE = 2, 4
"""Images of the two forwards; batch normalisation needs two."""


@dataclass(frozen=True)
class StepMemory:
    """Bytes that a step takes at least, beyond what is in memory before the first one.

    That is everything which is kept for the backward, all at once when it begins, and gradients and
    optimiser state as far as they are not there yet. What single operations need for a moment is
    not in it.

    Attributes:
        fixed: However many images there are.
        per_image: For each further one.
    """

    fixed: float
    per_image: float

    def of(self, images: int) -> float:
        """Bytes of a step with so many images."""
        return self.fixed + self.per_image * images

    def most_images(self, room: float) -> int:
        """How many a step may have to take no more than ``room`` bytes."""
        return max(0, int((room - self.fixed) / max(1.0, self.per_image)))


def find_step_memory(
    forward: Callable[[int], object], network: nn.Module, optimizer: Optimizer
) -> StepMemory:
    """Runs ``forward`` with two and with four images; what autograd keeps grows linearly.

    Buffers of the network and torch's random state are afterwards as before.

    Args:
        forward: The forward of a step with so many images; what it returns holds its graph.
        network: What is trained, in train mode; its weights and buffers are there already.
        optimizer: Of the network.
    """
    device = next((weight.device for weight in network.parameters()), torch.device("cpu"))
    with forked_rng(device), restored(list(network.buffers())):
        few, more = (_kept_bytes(forward, count, network) for count in (_FEW, _MORE))
    per_image = (more - few) / (_MORE - _FEW)
    return StepMemory(few - _FEW * per_image + _missing_bytes(optimizer), per_image)


def _kept_bytes(forward: Callable[[int], object], images: int, network: nn.Module) -> int:
    """Bytes of all storages that are kept for the backward, each once, without the network's."""
    own = (*network.parameters(), *network.buffers())
    there = {tensor.untyped_storage().data_ptr() for tensor in own}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, _never):
        forward(images)
    return sum(storage.nbytes() for place, storage in kept.items() if place not in there)


def _never(kept: None) -> Tensor:
    raise AssertionError("there is no backward")


def _missing_bytes(optimizer: Optimizer) -> int:
    """Of gradients and optimiser state that the first step makes."""
    defaults = optimizer.defaults
    copies = 2 if "betas" in defaults else int(bool(defaults.get("momentum")))
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return sum(
        weight.nbytes * ((weight.grad is None) + copies * (weight not in optimizer.state))
        for weight in weights
    )
