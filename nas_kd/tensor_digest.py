"""Tensors told apart by 64 characters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch takes seconds to import: who has tensors has it already
    from torch import Tensor


def tensor_digest(tensors: Iterable[Tensor]) -> str:
    """SHA-256 of their types, shapes and values, whatever device they are on."""
    import torch

    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        values = tensor.detach().cpu().contiguous().flatten()
        digest.update(values.view(torch.uint8).numpy().data)
    return digest.hexdigest()
