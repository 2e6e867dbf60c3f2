"""NASWOT: how differently the images of a batch switch the activation functions."""

from __future__ import annotations

import math

import torch

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._spectra import eigenvalues, is_singular


def naswot_score(student: Probe, teacher: Probe | None) -> float:
    """log |det K|, K counting for each pair of images the units in equal states, on or off.

    Every call of every activation module counts, ReLU or alike (`PatternRecorder`), in train mode;
    functional activations are invisible. K grows with the number of units, so that size alone
    raises the score. K is singular where two images switch every unit alike, and where the units
    are too few for the images: the score is -inf. A share of rounding counts as zero.

    Source: Mellor et al., Neural Architecture Search without Training, ICML 2021, eq. 2 and 3.
    """
    kernel = student.activation_kernel
    if is_singular(eigenvalues(kernel), torch.finfo(kernel.dtype).eps):
        return -math.inf
    return float(torch.linalg.slogdet(kernel).logabsdet)


PROXY = Proxy(
    name="naswot",
    function=naswot_score,
    needs=frozenset({"relu"}),
    initialisation="default",
    source="NASWOT, Mellor et al., ICML 2021, arXiv 2006.04647",
    cost="forward",
    batch="images",
    deviation="GELU, SiLU and alike count as ReLU does: a unit is on where its input is > 0",
)
