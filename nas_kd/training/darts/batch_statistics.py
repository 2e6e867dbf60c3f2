"""Batch norms that look at the batch in hand and remember nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from nas_kd.training.restored_tensors import restored


@contextmanager
def batch_statistics(module: nn.Module) -> Iterator[None]:
    """The module in train mode; its buffers and its mode are as before afterwards."""
    training = module.training
    module.train()
    try:
        with restored(list(module.buffers())):
            yield
    finally:
        module.train(training)
