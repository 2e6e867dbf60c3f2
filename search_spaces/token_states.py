"""`TokenStates`: what a Transformer computed for a batch of token sequences, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True)
class TokenStates:
    """Hidden states, queries, keys and values of every layer.

    Attention maps are not kept: softmax(Q K^T / sqrt(head_dim)) gives those of a layer.

    Attributes:
        hidden: The output of the embeddings, then of every layer, each ``(batch, token, width)``.
        queries: Of every layer, each ``(batch, head, token, head_dim)``, biases included.
        keys: Likewise.
        values: Likewise.
        mask: True where a token is real and not padding, ``(batch, token)``.
        causal: Whether tokens look at earlier tokens and themselves alone, as in decoders.
    """

    hidden: tuple[Tensor, ...]
    queries: tuple[Tensor, ...]
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    mask: Tensor
    causal: bool = False

    def mapped(self, change: Callable[[Tensor], Tensor]) -> TokenStates:
        """The same record with ``change`` applied to every tensor but the mask."""
        return replace(
            self,
            hidden=tuple(map(change, self.hidden)),
            queries=tuple(map(change, self.queries)),
            keys=tuple(map(change, self.keys)),
            values=tuple(map(change, self.values)),
        )
