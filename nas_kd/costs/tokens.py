"""Example inputs of a model that reads tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError

TOKENS = "input_ids"
MASK = "attention_mask"
DECODER_TOKENS = "decoder_input_ids"
SEQUENCE = "sequence"
"""What files call the dynamic length."""


def example_tokens(module: nn.Module, batch: int, length: int) -> dict[str, Tensor]:
    """Whole sequences for a transformers model: ``input_ids`` and ``attention_mask``.

    The tokens count up through the vocabulary and begin again at its end; nothing is masked. An
    encoder with a decoder gets the same tokens as ``decoder_input_ids``.

    Args:
        module: A model with a ``config`` that has a ``vocab_size``.
        batch: Number of sequences, all alike.
        length: Tokens in each.

    Returns:
        Tensors ``(batch, length)`` of integers on the module's device, by keyword.

    Raises:
        UsageError: The module states no size of its vocabulary.
    """
    config = getattr(module, "config", None)
    vocabulary = getattr(config, "vocab_size", None)
    if not isinstance(vocabulary, int) or vocabulary < 1:
        raise UsageError(
            f"tokens: {type(module).__name__} states no vocab_size in its config, so tokens for it "
            "cannot be made up. Give example inputs of your own."
        )
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    tokens = (torch.arange(length, device=device) % vocabulary).repeat(batch, 1)
    inputs = {TOKENS: tokens, MASK: torch.ones_like(tokens)}
    if getattr(config, "is_encoder_decoder", False):
        inputs[DECODER_TOKENS] = tokens
    return inputs
