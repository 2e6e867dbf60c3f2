"""SWAP, held to a wanted size."""

from __future__ import annotations

import math

from proxies._costs import counted_cost
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies.swap import swap_score

_MILLION = 1e6


def swap_regularised_score(student: Probe, teacher: Probe | None) -> float:
    """SWAP times exp(-(P - mu)^2 / sigma), P the parameters in millions.

    mu is the wanted size and sigma the width of the bell around it. They are facts of the search
    and not of the student: give them as ``costs["params_centre"]`` and ``costs["params_width"]``,
    in parameters. A search gives its limit on parameters, or the middle of the space, for both, as
    the source's searches set sigma = mu; each is one million unless given.

    Source: Peng et al., SWAP-NAS, ICLR 2024.
    """
    centre, width = (
        student.costs.get(key, _MILLION) / _MILLION for key in ("params_centre", "params_width")
    )
    distance = counted_cost(student, "params") / _MILLION - centre
    return swap_score(student, teacher) * math.exp(-(distance**2) / width)


PROXY = Proxy(
    name="swap_regularised",
    function=swap_regularised_score,
    needs=frozenset({"relu_words", "costs", "wanted_size"}),
    initialisation="default",
    source="regularised SWAP, Peng et al., ICLR 2024, arXiv 2403.04161",
    cost="forward",
    batch="images",
    deviation=(
        "mu and sigma are the limit on parameters of the search, or the middle of the space; GELU, "
        "SiLU and alike count as ReLU does"
    ),
)
