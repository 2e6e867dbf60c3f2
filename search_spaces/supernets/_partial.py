"""Partial channels: only some of a map goes through the operations of an edge.

Source: Xu et al., PC-DARTS, ICLR 2020 (arXiv 1907.05737), section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nas_kd.errors import UsageError


def require_share(owner: str, channels: int, partial: int) -> None:
    """Raises `UsageError` where one of ``partial`` parts of the channels is not a whole number."""
    if partial < 1 or channels % partial:
        raise UsageError(
            f"{owner}: {channels} channels cannot go through the operations in {partial} equal "
            "parts; give a divisor of the channels as partial."
        )


def merged(computed: Tensor, bypassing: Tensor, partial: int) -> Tensor:
    """Both parts, shuffled so that the next edge computes on others.

    ``(B, C/K, H, W)`` and ``(B, C - C/K, H, W)`` to ``(B, C, H, W)``, with K = ``partial``.
    """
    both = torch.cat([computed, bypassing], dim=1)
    batch, channels, height, width = both.shape
    groups = both.view(batch, partial, channels // partial, height, width)
    return groups.transpose(1, 2).reshape(batch, channels, height, width)
