"""What a module is and holds, in 64 characters each."""

from __future__ import annotations

import hashlib
import re

import torch
from torch import nn

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
"""Where an object lies in memory: another place in every process."""


def structure_digest(module: nn.Module) -> str:
    """SHA-256 of its layers, also those without parameters, and of the shapes of its state."""
    layers = _ADDRESS.sub("", repr(module))
    shapes = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
    return hashlib.sha256(f"{layers}\n{shapes}".encode()).hexdigest()


def weights_digest(module: nn.Module) -> str:
    """SHA-256 of its state, whatever device it is on."""
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
