"""APD: how many directions the normalised maps have, times how dense the filters are."""

from __future__ import annotations

import math

from proxies._channel_moments import ChannelMoments
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._spectra import largest_eigenvalue
from proxies._weights import layer_weights


def apd_score(student: Probe, teacher: Probe | None) -> float:
    """(sum of |M|_F^2 / |M|_2^2) (sum of |W|_1 / |W|_2).

    M is the output of a normalisation layer as ``(channel, image * position)``, with the Frobenius
    and the spectral norm; an output of zeros adds 0. W are the weights of the convolutions, and of
    linear layers but the classifier, with the sum of their magnitudes and their L2 norm over all
    elements. A network without normalisation layers scores NaN.

    Source: APD, NeurIPS 2025, a formula found by a search with a language model.
    """
    if not student.norm_moments:
        return math.nan
    directions = sum(_stable_rank(moments) for moments in student.norm_moments)
    weights = [
        weight.detach().double()
        for name, weight in layer_weights(student.model).items()
        if name != f"{student.head}.weight"
    ]
    density = sum(float(w.abs().sum() / w.norm()) for w in weights if bool(w.any()))
    return directions * density


def _stable_rank(moments: ChannelMoments) -> float:
    second = moments.covariance + moments.mean[:, None] * moments.mean  # (channel, channel)
    largest = largest_eigenvalue(second)
    return float(second.trace()) / largest if largest != 0 else 0.0


PROXY = Proxy(
    name="apd",
    function=apd_score,
    needs=frozenset({"norm_moments", "model"}),
    initialisation="default",
    source="APD, NeurIPS 2025",
    cost="forward",
    batch="noise",
    input="noise",
    deviation=(
        "every kind of normalisation, not only of batches; linear layers inside a transformer "
        "count as convolutions; maps with channels as rows"
    ),
)
