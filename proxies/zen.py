"""Zen-NAS: how far a small change of the input moves a network of random weights."""

from __future__ import annotations

import math

from proxies._probe import Probe
from proxies._proxy import Proxy


def zen_score(student: Probe, teacher: Probe | None) -> float:
    """log of the mean over the batch of sum |f(x) - f(x')|, plus what batch normalisation hides.

    f is the map before pooling, x standard normal noise and x' = x + 0.01 times another noise, each
    normalised by its own batch statistics. What batch normalisation divides by is put back: the sum
    over its calls of log sqrt(mean over channels of the batch variance, unbiased) for x. A call
    with zero variance carries no signal and adds nothing; a student that does not tell x from x'
    scores -inf.

    Source: Lin et al., Zen-NAS, ICCV 2021.
    """
    moved = (student.last_feature.double() - student.perturbed_feature).abs()
    mean = float(moved.flatten(1).sum(1).mean())
    if mean <= 0:
        return -math.inf
    hidden = [
        float(each.variance.double().mean()) * each.rows / (each.rows - 1)
        for each in student.norm_statistics
        if each.rows > 1
    ]
    return math.log(mean) + sum(0.5 * math.log(value) for value in hidden if value > 0)


PROXY = Proxy(
    name="zen",
    function=zen_score,
    needs=frozenset({"last_feature", "perturbed_feature", "norm_statistics"}),
    initialisation="gaussian",
    source="Zen-NAS, Lin et al., ICCV 2021, arXiv 2102.01063",
    cost="forward, and a second one",
    batch="noise",
    input="noise",
    deviation=(
        "shortcuts are kept; the batch variance itself in place of a running one that mixes it "
        "with its initial value"
    ),
)
