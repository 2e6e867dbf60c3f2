"""AZ-NAS, trainability: whether gradients keep their size through the blocks."""

from __future__ import annotations

import math

from proxies._blocks import BlockResponse
from proxies._probe import Probe
from proxies._proxy import Proxy

_EPSILON = 1e-6


def az_trainability_score(student: Probe, teacher: Probe | None) -> float:
    """Mean over the blocks but the first of -s - 1 / (s + 1e-6) + 2, largest for s = 1.

    s is the largest singular value of the correlation between a random gradient of signs at the
    block's output and what the block makes of it at its input, averaged over images and positions
    (`block_responses`). A block that hands every gradient through unchanged, an identity, makes the
    score -inf. A network of a single block scores NaN.

    One of the four terms of AZ-NAS, see `az_expressivity_score`.

    Source: Lee and Ham, AZ-NAS, CVPR 2024.
    """
    terms = [_term(response) for response in student.block_responses]
    return sum(terms) / len(terms) if terms else math.nan


def _term(response: BlockResponse) -> float:
    if response.identity:
        return -math.inf
    return -response.gain - 1 / (response.gain + _EPSILON) + 2


PROXY = Proxy(
    name="az_trainability",
    function=az_trainability_score,
    needs=frozenset({"block_responses"}),
    initialisation="kaiming",
    source="AZ-NAS, Lee & Ham, CVPR 2024, arXiv 2403.19232, trainability",
    cost="backward through each block",
    batch="noise",
    input="noise",
    deviation=(
        "transformers as other networks: whole blocks in train mode, not each residual branch in "
        "evaluation mode; an identity scores -inf there, too"
    ),
)
