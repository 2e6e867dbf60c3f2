"""Relations between the tokens of a sequence, and their distances without the padding."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from search_spaces.token_states import TokenStates

_EXCLUDED = -1e9
"""Score of a token that is not looked at: its probability is exactly zero, and its log finite."""


def scores(left: Tensor, right: Tensor) -> Tensor:
    """Scaled products L R^T / sqrt(dim), ``(batch, head, token, token)``.

    Args:
        left: ``(batch, head, token, dim)``.
        right: Likewise.
    """
    return left @ right.transpose(-1, -2) / math.sqrt(left.shape[-1])


def regrouped(heads: Tensor, relation_heads: int, *, interleaved: bool = False) -> Tensor:
    """Head vectors joined and split anew, ``(batch, relation_head, token, dim)``.

    dim is floor(width / relation_heads) for the width of all heads together; what is left over at
    the end is dropped.

    Args:
        heads: ``(batch, head, token, head_dim)``.
        relation_heads: Number of parts, at most the width.
        interleaved: Whether channel c goes to part c modulo their number; else each part has
            channels that lie side by side.
    """
    batch, _, tokens, _ = heads.shape
    joined = heads.transpose(1, 2).reshape(batch, tokens, -1)  # batch, token, width
    dim = joined.shape[-1] // relation_heads
    kept = joined[..., : dim * relation_heads]
    if interleaved:
        return kept.reshape(batch, tokens, dim, relation_heads).permute(0, 3, 1, 2)
    return kept.reshape(batch, tokens, relation_heads, dim).transpose(1, 2)


def looked_at(states: TokenStates) -> Tensor:
    """Which tokens (last axis) each token attends to, ``(batch, 1, token or 1, token)``."""
    keys = states.mask[:, None, None, :]
    if not states.causal:
        return keys
    tokens = states.mask.shape[1]
    return keys & torch.ones(tokens, tokens, dtype=torch.bool, device=keys.device).tril()


def real_tokens(states: TokenStates) -> Tensor:
    """The real tokens as keys, ``(batch, 1, 1, token)``."""
    return states.mask[:, None, None, :]


def mean_divergence(student: Tensor, teacher: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
    """KL divergence from the teacher's to the student's softmax over ``keys``.

    Mean over heads and real query tokens of each sequence, then over the batch.

    Args:
        student: Scores ``(batch, head, token, token)``.
        teacher: Likewise.
        keys: Which tokens the softmax runs over, broadcast to the scores.
        mask: Real tokens ``(batch, token)``; every sequence has one.
    """
    log_student, log_teacher = (
        F.log_softmax(part.masked_fill(~keys, _EXCLUDED), dim=-1) for part in (student, teacher)
    )
    divergence = F.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(-1)
    return mean_of_tokens(divergence.mean(1), mask)


def mean_square(student: Tensor, teacher: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
    """Squared difference of scores: mean over heads and the pairs of a real query and one of its
    ``keys``, then over the batch. Arguments as in `mean_divergence`."""
    pairs = keys & mask[:, None, :, None]  # batch, 1, token, token
    squares = (student - teacher).square().masked_fill(~pairs, 0).mean(1)  # batch, token, token
    return (squares.sum((1, 2)) / pairs.sum((1, 2, 3))).mean()


def mean_of_tokens(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``(batch, token)`` over the real tokens of each sequence, then over the batch."""
    return (values.masked_fill(~mask, 0).sum(1) / mask.sum(1)).mean()
