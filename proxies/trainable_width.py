"""Trainable width: how many directions the weights can move the student in. Our own proxy."""

from __future__ import annotations

import math

from proxies._layer_slopes import LayerSlope
from proxies._probe import Probe
from proxies._proxy import Proxy

_STEEPNESS = 0.08
"""Weight of the mean log saliency; see the docstring of the score."""


def trainable_width_score(student: Probe, teacher: Probe | None) -> float:
    """log(sum over layers of sqrt(n c b)) - 0.08 mean over layers of log q.

    For a convolution or linear layer with n weights, let g be the gradient of the summed logits at
    its output. c is the participation ratio of the channels of g (over images and positions), b
    that of the images (over channels and positions), and q the sum over the weights of
    |theta dL/dtheta|, L being the mean over the images of the summed logits. Layers on whose
    weights the logits do not depend are left out; a student without any other is -inf. So is one
    whose normalised maps go to the average pooling as they are (``darts``): the sum of its logits
    over the images is the same whatever the weights, and g is zero but for rounding, which is taken
    out (`CancellationFilter`).

    Why it should work: n counts what could be learned, and would be the whole score if every weight
    had a say of its own. It has not. A layer whose gradient has c directions can be moved in these
    only, and images that b directions tell apart cannot be fitted one by one: poolings in every
    path, chains that average, and layers behind a bottleneck make c and b small, however many
    weights they have. (n c b is the number of parameters of the layer times the rank of the two
    factors that its empirical Fisher information has beside its input.) The root makes layers
    concave: twice as many layers are worth more than one that is twice as large, as trained
    accuracy has it from residual networks to vision transformers. The last term prefers gentle
    networks: where the same number of directions hangs on steeper weights, as without any identity
    path, training is less stable.

    It compares nothing with the teacher, and still orders distilled accuracy: what a student can
    take over is bounded by the directions in which it can move. Sizes, poolings and depth count on
    one absolute scale, so that scores of one student do not depend on the others that are scored.

    The exponents 1/2 and the weight 0.08 were chosen on one half of the shared NAS-Bench-201 cells,
    with an eye on S0, AutoFormer and PiT; ``benchmarks/own_proxy.py`` says what it reaches on the
    other half, and there.

    Source: ours. The parts are known: saliency (SNIP), participation ratios (InTrain), and the
    independence of input gradients (jacov).
    """
    slopes = student.layer_slopes
    if not slopes:
        return -math.inf
    width = math.fsum(map(_width, slopes))
    steepness = math.fsum(math.log(slope.saliency) for slope in slopes) / len(slopes)
    return math.log(width) - _STEEPNESS * steepness


def _width(slope: LayerSlope) -> float:
    return math.sqrt(slope.weights * slope.channel_rank * slope.image_rank)


PROXY = Proxy(
    name="trainable_width",
    function=trainable_width_score,
    needs=frozenset({"layer_slopes"}),
    initialisation="default",
    source="ours",
    cost="backward",
    batch="images",
    ours=True,
)
