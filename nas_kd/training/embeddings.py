"""What a network sees in a whole data set."""

from __future__ import annotations

from collections.abc import Callable

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
