"""How sharp the minimum is in which the supernet's weights lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nas_kd.training.darts.moved_weights import gradients, move, norm
from nas_kd.training.restored_tensors import restored


def loss_rise(loss: Callable[[], Tensor], weights: Sequence[Tensor], radius: float) -> float:
    """The rise of the loss one step of length ``radius`` up its gradient.

    Source: Foret et al., SAM, ICLR 2021 (arXiv 2010.01412), equation 2 with p = 2.
    """
    here = loss()
    slopes = gradients(here, weights)
    with restored(weights), torch.no_grad():
        move(weights, slopes, radius / norm(slopes))
        return float(loss() - here)
