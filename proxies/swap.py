"""SWAP: how many different opinions about a batch the units of a network have."""

from __future__ import annotations

import torch

from proxies._activation_patterns import distinct
from proxies._probe import Probe
from proxies._proxy import Proxy


def swap_score(student: Probe, teacher: Probe | None) -> float:
    """Number of different words among all units of the activation functions.

    The word of a unit has one bit for each image of the batch: whether the unit is on. Every call
    of every activation module counts; functional ones are invisible. The score grows with the batch
    and with the number of units.

    Source: Peng, Song, Fayek, Ciesielski and Chang, SWAP-NAS, ICLR 2024.
    """
    return float(len(distinct(torch.cat(student.activation_words))))


PROXY = Proxy(
    name="swap",
    function=swap_score,
    needs=frozenset({"relu_words"}),
    initialisation="default",
    source="SWAP-NAS, Peng et al., ICLR 2024, arXiv 2403.04161",
    cost="forward",
    batch="images",
    deviation="GELU, SiLU and alike count as ReLU does: a unit is on where its input is > 0",
)
