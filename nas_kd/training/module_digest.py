"""What a module is and holds, in 64 characters each."""

from __future__ import annotations

import hashlib
import re

from torch import nn

from nas_kd.tensor_digest import tensor_digest

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
"""Where an object lies in memory: another place in every process."""


def structure_digest(module: nn.Module) -> str:
    """SHA-256 of its layers, also those without parameters, and of the shapes of its state."""
    layers = _ADDRESS.sub("", repr(module))
    shapes = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
    return hashlib.sha256(f"{layers}\n{shapes}".encode()).hexdigest()


def state_digest(module: nn.Module) -> str:
    """SHA-256 of its state, parameters and buffers by name, whatever device it is on."""
    state = module.state_dict()
    return hashlib.sha256(f"{list(state)}\n{tensor_digest(state.values())}".encode()).hexdigest()
