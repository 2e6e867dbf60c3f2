"""`TokenStates`: what a Transformer computed for a batch of token sequences, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class TokenStates:
    """Hidden states, queries, keys and values of every layer.

    Attention maps are not kept: the softmax of `attention_scores` over the tokens that are looked
    at gives those of a layer.

    Attributes:
        hidden: The output of the embeddings, then of every layer, each ``(batch, token, width)``.
        queries: Of every layer, each ``(batch, head, token, head_dim)``, biases included, before
            positions are rotated in.
        keys: Likewise; fewer heads where several heads of the queries share one.
        values: Likewise, as many heads as the keys.
        mask: True where a token is real and not padding, ``(batch, token)``.
        causal: Whether tokens look at earlier tokens and themselves alone, as in decoders.
        rotation: Where positions are rotated into queries and keys, the cosines and the sines of
            the angles, each ``(batch, token, head_dim)``: channel c and channel c + head_dim / 2
            are turned together.
        logits: What a model with a head says of every token, ``(batch, token, vocabulary)``, where
            that was computed.
    """

    hidden: tuple[Tensor, ...]
    queries: tuple[Tensor, ...]
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    mask: Tensor
    causal: bool = False
    rotation: tuple[Tensor, Tensor] | None = None
    logits: Tensor | None = None

    def attention_scores(self, layer: int) -> Tensor:
        """Q K^T / sqrt(head_dim) of a layer, ``(batch, head, token, token)``, positions rotated in
        and keys repeated for all heads of the queries that share them."""
        queries, keys = (self._rotated(heads[layer]) for heads in (self.queries, self.keys))
        of_each = keys.repeat_interleave(queries.shape[1] // keys.shape[1], dim=1)
        return queries @ of_each.transpose(-1, -2) / math.sqrt(queries.shape[-1])

    def _rotated(self, heads: Tensor) -> Tensor:
        if self.rotation is None:
            return heads
        cosines, sines = (part[:, None] for part in self.rotation)  # batch, 1, token, head_dim
        first, second = heads.chunk(2, dim=-1)
        return heads * cosines + torch.cat((-second, first), dim=-1) * sines

    def mapped(self, change: Callable[[Tensor], Tensor]) -> TokenStates:
        """The same record with ``change`` applied to every tensor but the mask."""
        rotation = self.rotation
        return replace(
            self,
            hidden=tuple(map(change, self.hidden)),
            queries=tuple(map(change, self.queries)),
            keys=tuple(map(change, self.keys)),
            values=tuple(map(change, self.values)),
            rotation=None if rotation is None else (change(rotation[0]), change(rotation[1])),
            logits=None if self.logits is None else change(self.logits),
        )
