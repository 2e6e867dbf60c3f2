"""MeCo: how far from repeating each other the channels of every map are."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy


def meco_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over all modules of the smallest eigenvalue of their output's channel correlations.

    The Pearson correlation of two channels is taken over the positions of one image of noise. All
    modules count, containers and the network itself too, as the public code hooks them: the output
    of a layer that ends a sequence counts again for the sequence. An output with as many channels
    as positions or more, or with a constant channel, adds 0, so that wide maps of early layers
    decide.

    Source: Jiang, Wang and Bie, MeCo, NeurIPS 2023, and its public code.
    """
    return sum(student.channel_correlations)


PROXY = Proxy(
    name="meco",
    function=meco_score,
    needs=frozenset({"channel_correlations"}),
    initialisation="default",
    source="MeCo, Jiang, Wang & Bie, NeurIPS 2023",
    cost="forward",
    batch="the first image of a batch of noise",
    input="noise",
    deviation=(
        "at the student's own input size, not 64 x 64; batch normalisation sees the whole batch; "
        "symmetric eigenvalue solver in float64"
    ),
)
