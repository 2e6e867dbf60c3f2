"""W-PCA: the principal components of the feed-forward layers, weighted with the size."""

from __future__ import annotations

from proxies import pca_dim
from proxies._probe import Probe
from proxies._proxy import Proxy


def w_pca_score(student: Probe, teacher: Probe | None) -> float:
    """Number of parameters times `pca_dim_score`.

    Source: Wang, W-PCA Based Gradient-Free Proxy for Efficient Search of Lightweight Language
    Models, ICLR 2025.

    Raises:
        UsageError: The network has no attention, or no MLP beside it.
    """
    parameters = sum(parameter.numel() for parameter in student.model.parameters())
    return parameters * pca_dim.pca_dim_score(student, teacher)


PROXY = Proxy(
    name="w_pca",
    function=w_pca_score,
    needs=pca_dim.PROXY.needs,
    initialisation=pca_dim.PROXY.initialisation,
    source="W-PCA, Wang, ICLR 2025, arXiv 2504.15983",
    cost=pca_dim.PROXY.cost,
    batch=pca_dim.PROXY.batch,
    deviation=pca_dim.PROXY.deviation,
)
