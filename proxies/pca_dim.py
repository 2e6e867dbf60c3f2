"""The PCA term of W-PCA: how many directions a transformer's feed-forward layers really use."""

from __future__ import annotations

import math

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._transformer import not_a_transformer


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
    shares = student.evaluation("principal_shares").principal_shares
    if not shares:
        raise not_a_transformer(student.model)
    mean = sum(shares) / len(shares)
    return mean if mean != 0 else -math.inf


PROXY = Proxy(
    name="pca_dim",
    function=pca_dim_score,
    needs=frozenset({"attention", "model", "principal_shares"}),
    initialisation="default",
    source="number of principal components in W-PCA, Wang, ICLR 2025, arXiv 2504.15983",
    cost="one more forward, shared in evaluation mode",
    batch="images",
    deviation="evaluation mode, so that nothing is dropped; one batch",
)
