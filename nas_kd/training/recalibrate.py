"""Batch-norm statistics of a network that was cut out of a larger one."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nas_kd.errors import UsageError
from nas_kd.training.evaluate import device_of


@torch.no_grad()
def recalibrated(module: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """A copy in eval mode whose batch norms know the statistics of ``batches``.

    Statistics are plain means over the batches. All other layers run in eval mode, so that dropout
    and stochastic depth are off. A network without batch norms is copied and reads nothing.

    Args:
        module: Takes a batch.
        batches: Images ``(batch, C, H, W)`` of the training data, normalised as in training; a few
            thousand at random, in batches of one size, are enough.

    Raises:
        UsageError: There is no batch to look at.

    Source: Cai et al., Once-for-All, ICLR 2020 (arXiv 1908.09791), as released. Deviations:
    unbiased variances, as PyTorch keeps them; batches are not weighed by their size; the batches of
    `nas_kd.training.elastic.judging.calibration` are not augmented.
    """
    student = copy.deepcopy(module).eval()
    norms = [
        module
        for module in student.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
    if not norms:
        return student
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean
        norm.train()
    for images in batches:
        student(images.to(device_of(student)))
    if any(norm.num_batches_tracked == 0 for norm in norms):
        raise UsageError("recalibration: there are no batches; give some training images.")
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return student.eval()
