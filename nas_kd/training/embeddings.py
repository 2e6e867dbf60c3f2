"""What a network sees in a whole data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.data import Images
from nas_kd.training.evaluate import device_of, eval_mode


@torch.no_grad()
def read_embeddings(
    module: nn.Module,
    embed: Callable[[Tensor], Tensor],
    images: Images,
    *,
    batch_size: int = 256,
) -> Tensor:
    """Embeddings ``(image, channel)`` of all images, float32, on the module's device.

    Args:
        module: What ``embed`` runs; it is in eval mode meanwhile.
        embed: Images ``(batch, C, H, W)`` to embeddings ``(batch, channel)``.
        images: The images.
        batch_size: Images at a time.
    """
    device = device_of(module)
    with eval_mode(module):
        parts = [
            embed(images.batch(indices)[0].to(device)).float()
            for indices in torch.arange(len(images)).split(batch_size)
        ]
    return torch.cat(parts)


def embeddings_of(model: Any, images: Images) -> Tensor:
    """What the classifier of a model of timm's reads, or would read, ``(image, channel)``.

    Args:
        model: A model of timm's, as supernets extract it; batch norms have to know the statistics
            of the training images (`recalibrated`).
        images: Seen as they are, without augmentation.
    """

    def embed(batch: Tensor) -> Tensor:
        pooled: Tensor = model.forward_head(model.forward_features(batch), pre_logits=True)
        return pooled

    return read_embeddings(model, embed, images)
