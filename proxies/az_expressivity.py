"""AZ-NAS, expressivity: how evenly the blocks use their channels."""

from __future__ import annotations

import math

from proxies._block_entropies import block_entropies
from proxies._probe import Probe
from proxies._proxy import Proxy


def az_expressivity_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over the blocks of the entropy of their output's channel spectrum.

    See `block_entropies`, and `block_names` for what a block is; the stem is the first. A block
    with a constant output makes the score NaN.

    AZ-NAS scores a population: the `log_rank_fusion` of ``az_expressivity``,
    ``az_progressivity``, ``az_trainability`` and, for complexity, ``macs``.

    Source: Lee and Ham, AZ-NAS, CVPR 2024.
    """
    entropies = block_entropies(student)
    return float(entropies.sum()) if len(entropies) else math.nan


PROXY = Proxy(
    name="az_expressivity",
    function=az_expressivity_score,
    needs=frozenset({"block_moments"}),
    initialisation="kaiming",
    source="AZ-NAS, Lee & Ham, CVPR 2024, arXiv 2403.19232, expressivity",
    cost="forward",
    batch="noise",
    input="noise",
    deviation=(
        "transformers as other networks: in train mode, the outputs of whole blocks, not of each "
        "residual branch in evaluation mode"
    ),
)
