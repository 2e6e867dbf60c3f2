"""A masked autoencoder of a few thousand weights."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import ViTMAEConfig, ViTMAEForPreTraining


def tiny_autoencoder() -> ViTMAEForPreTraining:
    configuration = ViTMAEConfig(
        hidden_size=24,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=48,
        image_size=8,
        patch_size=2,
        num_channels=1,
        decoder_hidden_size=16,
        decoder_num_hidden_layers=2,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=32,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ViTMAEForPreTraining(configuration).eval()


def saved_autoencoder(folder: Path) -> str:
    """Its specification as a teacher."""
    tiny_autoencoder().save_pretrained(folder)
    return f"hf:{folder}"
