"""Accuracy of a mixture or of one cell with the supernet's weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nas_kd.data import Images
from nas_kd.training.darts.network import CellSupernet
from nas_kd.training.evaluate import count_correct
from search_spaces import Arch
from search_spaces.supernets import Mixture


class Chosen(nn.Module):
    """A supernet that computes one choice: images ``(B, C, H, W)`` to logits ``(B, class)``."""

    def __init__(self, supernet: CellSupernet, choice: Arch | Mixture) -> None:
        super().__init__()
        self.supernet, self.choice = supernet, choice

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.supernet(images, self.choice)
        return logits


@torch.no_grad()
def recalibrated(
    supernet: CellSupernet, choice: Arch | Mixture, batches: Sequence[Tensor]
) -> Chosen:
    """A copy of the supernet whose batch-norm statistics are those of one choice.

    `nas_kd.training.recalibrate` asks batch norms to find a plain mean by themselves. Here one norm
    serves several edges, and its owner runs parts of it with its momentum and in its own mode, so
    the whole copy is in train mode and is told a momentum that makes the mean plain.

    Args:
        supernet: It stays as it is.
        choice: What the copy computes.
        batches: Images over which the statistics are averaged.
    """
    chosen = Chosen(copy.deepcopy(supernet), choice).train()
    norms = [module for module in chosen.modules() if isinstance(module, nn.BatchNorm2d)]
    for number, images in enumerate(batches, start=1):
        for module in norms:
            module.momentum = 1 / number  # a plain mean
        chosen(images)
    return chosen.eval()


def accuracy(
    supernet: CellSupernet, choice: Arch | Mixture, images: Images, batches: Sequence[Tensor]
) -> float:
    """Share of ``images`` that the choice classifies right, its statistics re-estimated."""
    chosen = recalibrated(supernet, choice, batches)
    return count_correct(chosen, images, torch.arange(len(images))) / max(1, len(images))
