"""The same bits again, with any number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """On a CPU, torch adds in a fixed order while this lasts; elsewhere nothing changes.

    Without it, gradients of what is indexed (Swin's tables of relative positions) are added up by
    several threads in any order. New tensors are not filled first, as torch does by default in this
    mode: nobody reads them before they are written.
    """
    memory: Any = torch.utils.deterministic  # a module with a property
    fills = memory.fill_uninitialized_memory
    strict = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    if device.type == "cpu" and not strict:
        torch.use_deterministic_algorithms(True, warn_only=True)
        memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warns)
        memory.fill_uninitialized_memory = fills
