"""NASWOT: how differently the images of a batch switch the activation functions."""

from __future__ import annotations

import math

import torch

from proxies._probe import Probe
from proxies._proxy import Proxy


def naswot_score(student: Probe, teacher: Probe | None) -> float:
    """log |det K|, K counting for each pair of images the units in equal states, on or off.

    Every call of every activation module counts, ReLU or alike (`PatternRecorder`), in train mode;
    functional activations are invisible. K grows with the number of units, so that size alone
    raises the score. Two images that switch every unit alike make K singular: the score is -inf.

    Source: Mellor et al., Neural Architecture Search without Training, ICML 2021, eq. 2 and 3.
    """
    sign, log_determinant = torch.linalg.slogdet(student.activation_kernel)
    return float(log_determinant) if float(sign) != 0 else -math.inf


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
