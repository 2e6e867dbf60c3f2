"""Seeds without side effects on the caller's random state, and streams of numbers of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seeds PyTorch's global generators of the CPU and of ``device``; puts their states back."""
    accelerated = device is not None and device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if accelerated else []):
        torch.default_generator.manual_seed(seed)
        if accelerated:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def apart(seed: int, use: int) -> torch.Generator:
    """A generator on the CPU whose numbers have nothing to do with those that ``seed`` gives.

    Args:
        seed: Any whole number.
        use: A number of what it is for; each has a stream of its own.
    """
    sequence = np.random.SeedSequence([use, seed % (1 << 64)])
    mixed = sequence.generate_state(1)[0]  # PyTorch's generator keeps 32 bits of a seed
    return torch.Generator().manual_seed(int(mixed))
