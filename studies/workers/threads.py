"""How many threads compute the scores of a candidate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch computes in one thread meanwhile.

    How a sum is split among threads decides its last digits. In one thread a score depends neither
    on the cores of the machine nor on how many workers share them, and several candidates at a
    time, each in one thread, use the cores better than one candidate in several threads.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
