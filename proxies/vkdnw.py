"""VKDNW: how evenly a network's weights are determined by its answers."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from proxies._few_weights import FewWeights
from proxies._gradients import gradients
from proxies._norm_statistics import statistics_held
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._randomness import seeded
from proxies._recording import logits_of, recording
from proxies._spectra import eigenvalues

_LAYERS = 128
_WEIGHTS_OF_A_LAYER = 4
_DIRECTIONS = 10
"""Backward passes at most; exact for as many classes."""


def vkdnw_score(student: Probe, teacher: Probe | None) -> float:
    """Entropy of the nine deciles of the Fisher information's spectrum, divided by their sum.

    With J ``(class, weight)`` the Jacobian of an image's logits by the first four weights of each
    of the first 128 convolutions and linear layers, and p its probabilities, the information is the
    mean over images of J^T (diag p - p p^T) J: no labels are needed. It lies in [0, log 9]. Batch
    normalisation uses the statistics of the batch as constants. Where nine tenths of the
    eigenvalues are zero, as in a network whose answers none of these weights moves, the score is
    NaN.

    With M = diag(q)(1 - q q^T) and q the square root of p, diag p - p p^T is M M^T: the rows of
    M^T J are found by one backward pass for each column of M. For more than ten classes, ten fixed
    random mixtures of the columns, others for each image, estimate the sum over all without bias.

    Source: VKDNW, CVPR 2025, arXiv 2502.04975.
    """
    deciles = torch.quantile(
        student.derived("fisher_spectrum", _fisher_spectrum),
        torch.arange(1, 10, dtype=torch.float64) / 10,
    )
    total = float(deciles.sum())
    return float(torch.special.entr(deciles / total).sum()) if total > 0 else math.nan


def _fisher_spectrum(probe: Probe) -> Tensor:
    """Eigenvalues of the information, ``(weight,)``, ascending, float64."""
    batch = len(probe.inputs)
    few = FewWeights(batch, layers=_LAYERS, weights=_WEIGHTS_OF_A_LAYER)
    with (
        statistics_held(probe.model, probe.norm_statistics),
        seeded(probe.seed, probe.inputs.device),
        torch.enable_grad(),
    ):
        with recording(probe.model, [few]):
            logits = logits_of(probe.model(probe.inputs.clone()))
        steps = list(few.steps.values())
        rows = [
            torch.cat(gradients(logits, steps, outward=outward, keep_graph=True), dim=1)
            for outward in _outwards(logits.detach())
        ]  # (image, weight) each
    root = torch.cat(rows).cpu().double() / math.sqrt(batch)  # (direction * image, weight)
    missing = root.shape[1] - root.shape[0]
    if missing <= 0:
        return eigenvalues(root.T @ root)
    return F.pad(eigenvalues(root @ root.T), (missing, 0))


def _outwards(logits: Tensor) -> Tensor:
    """Columns of M, or random mixtures of them, at the logits: ``(direction, image, class)``."""
    images, classes = logits.shape
    if classes > _DIRECTIONS:
        generator = torch.Generator().manual_seed(0)
        mixtures = torch.randn(_DIRECTIONS, images, classes, generator=generator)
        chosen = mixtures.to(logits) / math.sqrt(_DIRECTIONS)
    else:
        chosen = torch.eye(classes).to(logits)[:, None].expand(-1, images, -1)
    roots = torch.softmax(logits, dim=1).sqrt()  # q, (image, class)
    shares = (chosen * roots).sum(2, keepdim=True)  # q . e, (direction, image, 1)
    return roots * (chosen - roots * shares)


PROXY = Proxy(
    name="vkdnw",
    function=vkdnw_score,
    needs=frozenset({"norm_statistics", "model"}),
    initialisation="kaiming",
    source="VKDNW, CVPR 2025, arXiv 2502.04975",
    cost="forward, and backward for each class, at most ten times",
    batch="noise",
    input="noise",
    deviation=(
        "which four weights of a layer; batch normalisation with constant batch statistics; ten "
        "random directions for more than ten classes"
    ),
)
