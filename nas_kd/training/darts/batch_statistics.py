"""Batch norms that look at the batch in hand and remember nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def batch_statistics(module: nn.Module) -> Iterator[None]:
    """The module in train mode; its buffers and its mode are as before afterwards."""
    training = module.training
    kept = {name: buffer.clone() for name, buffer in module.named_buffers()}
    module.train()
    try:
        yield
    finally:
        module.train(training)
        for name, buffer in module.named_buffers():
            buffer.copy_(kept[name])
