"""The PCA term of W-PCA: how many directions a transformer's feed-forward layers really use."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from proxies._evaluation_pass import evaluation_pass
from proxies._matching import tells_apart
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._spectra import eigenvalues
from proxies._transformer import not_a_transformer, transformer_blocks

_ETA = 0.99


def pca_dim_score(student: Probe, teacher: Probe | None) -> float:
    """Mean over layers of k / D, D the width of the feed-forward part, k its principal components.

    For each layer, the outputs of the first linear layer of the MLP, before the activation, are
    taken as points ``(batch * token, D)``; k is the smallest number of leading principal
    components whose cumulative share of the variance exceeds 0.99. The score lies in (0, 1]. With
    a gated MLP, the first of its two layers counts. A layer whose outputs are the same for all
    images has k = 0; a student of which every layer is so has no signal and scores -inf.

    Source: Wang, W-PCA Based Gradient-Free Proxy, ICLR 2025.

    Raises:
        UsageError: The network has no attention, or no MLP beside it.
    """
    return float(student.derived("pca_dim", _mean_share))


def _mean_share(probe: Probe) -> Tensor:
    layers = [
        block.feed_forward[0] for block in transformer_blocks(probe.model) if block.feed_forward
    ]
    if not layers:
        raise not_a_transformer(probe.model)
    shares: list[float] = []
    evaluation_pass(probe, dict.fromkeys(layers, lambda output: shares.append(_share(output))))
    mean = sum(shares) / len(shares) if shares else 0.0
    return torch.tensor(mean if mean != 0 else -math.inf, dtype=torch.float64)


def _share(output: Tensor) -> float:
    """k / D of ``(batch, ..., D)``; the eigenvalues are those of the smaller Gram matrix."""
    if not tells_apart(output):
        return 0.0
    points = output.flatten(0, -2)
    centred = points - points.mean(0)
    tall = centred.shape[0] >= centred.shape[1]
    gram = centred.mT @ centred if tall else centred @ centred.mT
    variances = eigenvalues(gram).flip(0)
    if bool(variances.isnan().any()):
        return math.nan
    cumulative = variances.cumsum(0) / variances.sum()
    components = int((cumulative <= _ETA).sum()) + 1
    return components / centred.shape[1]


PROXY = Proxy(
    name="pca_dim",
    function=pca_dim_score,
    needs=frozenset({"attention", "model"}),
    initialisation="default",
    source="number of principal components in W-PCA, Wang, ICLR 2025, arXiv 2504.15983",
    cost="one more forward",
    batch="images",
    deviation="evaluation mode, so that nothing is dropped; one batch",
)
