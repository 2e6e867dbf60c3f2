"""Global and local views of a batch, and what a network makes of them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class OfViews:
    """One tensor for the global views of a batch and one for the local ones.

    Attributes:
        whole: ``(global view, sample, ...)``.
        local: ``(local view, sample, ...)``; there may be no local views.
    """

    whole: Tensor
    local: Tensor

    @property
    def has_local(self) -> bool:
        return len(self.local) > 0
