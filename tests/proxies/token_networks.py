"""Small transformers of timm and Hugging Face for the proxies that look inside them."""

from __future__ import annotations

from typing import Any

import torch
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
)

WORDS = 17
"""Brightness values of the digits, 0 to 16."""


class TinyViT(VisionTransformer):
    """timm's vision transformer on 8x8 digits, 16 patches and a class token."""

    def __init__(self, width: int = 16, depth: int = 2, heads: int = 2, **options: Any) -> None:
        super().__init__(
            img_size=8,
            patch_size=2,
            in_chans=1,
            num_classes=10,
            embed_dim=width,
            depth=depth,
            num_heads=heads,
            mlp_ratio=2,
            **options,
        )


class DeadViT(TinyViT):
    """Lets nothing of the image through."""

    def _pos_embed(self, x: Tensor) -> Tensor:
        return torch.zeros_like(super()._pos_embed(x))


class Reader(nn.Module):
    """A Hugging Face text classifier that reads pixels as words, ``(batch, 1, 8, 8)`` in [0, 1]."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Any:
        return self.classifier((images.flatten(1)[:, 16:40] * (WORDS - 1)).round().long())


def tiny_swin(drop_path: float = 0.1) -> SwinTransformer:
    """Images ``(batch, 1, 8, 8)`` of digits, windows of 4 x 4 pixels."""
    return SwinTransformer(
        img_size=8,
        patch_size=1,
        in_chans=1,
        num_classes=10,
        embed_dim=8,
        depths=(2, 1),
        num_heads=(2, 2),
        window_size=4,
        drop_path_rate=drop_path,
    )


def tiny_bert() -> Reader:
    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=10,
    )
    return Reader(BertForSequenceClassification(config))


def tiny_llama() -> Reader:
    """A decoder with grouped queries, a causal mask and a gated MLP."""
    config = LlamaConfig(
        vocab_size=WORDS + 1,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=24,
        max_position_embeddings=64,
        num_labels=10,
        pad_token_id=WORDS,
    )
    return Reader(LlamaForSequenceClassification(config))


def features(model: nn.Module) -> list[str]:
    return ["blocks"]


def head(model: nn.Module) -> str:
    return "head"
