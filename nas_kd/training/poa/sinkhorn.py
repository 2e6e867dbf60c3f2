"""The teacher's targets: soft assignments to prototypes that use all prototypes alike."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch import Tensor

ITERATIONS = 3


@torch.no_grad()
def sinkhorn(
    scores: Tensor,
    temperature: float,
    accelerator: Accelerator | None = None,
    iterations: int = ITERATIONS,
) -> Tensor:
    """Assignments ``(sample, prototype)`` of which each sample's sum to one.

    exp(scores / temperature) is scaled alternately so that every prototype gets the same share of
    all samples and every sample is worth one, the samples last; all in logarithms.

    Args:
        scores: ``(sample, prototype)``, this process's samples; there may be none.
        temperature: Above zero.
        accelerator: Over whose processes prototypes are balanced; only this one when it is None.
        iterations: Of both scalings.

    Source: Caron et al., SwAV, NeurIPS 2020 (arXiv 2006.09882), appendix, as DINOv2 and POA use it.
    """
    logs = scores.float() / temperature  # sample, prototype
    for _ in range(iterations):
        logs = logs - _of_all(logs.logsumexp(0), accelerator)
        logs = logs - logs.logsumexp(1, keepdim=True)
    return logs.exp()


def _of_all(logs: Tensor, accelerator: Accelerator | None) -> Tensor:
    """Logarithm of the sum over all processes, ``(prototype,)``."""
    if accelerator is None or accelerator.num_processes == 1:
        return logs
    everyone: Tensor = accelerator.gather(logs[None])  # process, prototype
    return everyone.logsumexp(0)
