"""AZ-NAS, progressivity: whether each block makes more of its channels than the one before."""

from __future__ import annotations

import math

from proxies._block_entropies import block_entropies
from proxies._probe import Probe
from proxies._proxy import Proxy


def az_progressivity_score(student: Probe, teacher: Probe | None) -> float:
    """The smallest step in channel entropy from one block to the next.

    See `block_entropies`, and `block_names` for what a block is; the stem is the first. A block
    with a constant output makes the score NaN, and so does a network of a single block.

    One of the four terms of AZ-NAS, see `az_expressivity_score`.

    Source: Lee and Ham, AZ-NAS, CVPR 2024.
    """
    steps = block_entropies(student).diff()
    return float(steps.min()) if len(steps) else math.nan


PROXY = Proxy(
    name="az_progressivity",
    function=az_progressivity_score,
    needs=frozenset({"block_moments"}),
    initialisation="kaiming",
    source="AZ-NAS, Lee & Ham, CVPR 2024, arXiv 2403.19232, progressivity",
    cost="forward",
    batch="noise",
    input="noise",
    deviation=("transformers, for which the source leaves this term out, as other networks"),
)
