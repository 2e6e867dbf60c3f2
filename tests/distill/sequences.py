"""States of drawn sequences, and the same ones padded, cut out and taken alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from nas_kd.distill import Distiller, Outputs
from search_spaces import TokenStates

_VOCABULARY = 5


def drawn(
    lengths: Sequence[int],
    *,
    seed: int,
    heads: int = 3,
    head_dim: int = 4,
    layers: int = 2,
    causal: bool = False,
) -> TokenStates:
    """States of sequences of these lengths, padded to the longest with what was drawn."""
    generator = torch.Generator().manual_seed(seed)
    batch, tokens = len(lengths), max(lengths)

    def draw(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=generator, dtype=torch.float64)

    mask = torch.arange(tokens) < torch.tensor(lengths)[:, None]
    return TokenStates(
        hidden=tuple(draw(tokens, heads * head_dim) for _ in range(layers + 1)),
        queries=tuple(draw(heads, tokens, head_dim) for _ in range(layers)),
        keys=tuple(draw(heads, tokens, head_dim) for _ in range(layers)),
        values=tuple(draw(heads, tokens, head_dim) for _ in range(layers)),
        mask=mask,
        causal=causal,
        logits=draw(tokens, _VOCABULARY),
    )


def padded(states: TokenStates, extra: int, garbage: float) -> TokenStates:
    """The same sequences with ``extra`` more padding tokens whose states are ``garbage``."""
    longer = states.mapped(lambda tensor: F.pad(tensor, (0, 0, 0, extra), value=garbage))
    return replace(longer, mask=F.pad(states.mask, (0, extra), value=False))


def alone(states: TokenStates, index: int) -> TokenStates:
    """One sequence of the batch, without any padding."""
    length = int(states.mask[index].sum())
    cut = states.mapped(lambda tensor: tensor[index : index + 1, ..., :length, :])
    return replace(cut, mask=states.mask[index : index + 1, :length])


def loss(distiller: Distiller, student: TokenStates, teacher: TokenStates) -> Tensor:
    """The sum of the distiller's parts."""
    parts = distiller(
        Outputs.of_states(student), Outputs.of_states(teacher), torch.zeros(len(student.mask))
    )
    return torch.stack(list(parts.values())).sum()
