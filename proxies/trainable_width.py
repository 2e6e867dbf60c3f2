"""Trainable width: in how many directions the weights can move the student. Our own proxy."""

from __future__ import annotations

import math

from proxies._independence import log_independence
from proxies._layer_slopes import LayerSlope
from proxies._probe import Probe
from proxies._proxy import Proxy

_STEEPNESS = 0.1
"""Weight of the mean log saliency; see the docstring of the score."""


def trainable_width_score(student: Probe, teacher: Probe | None) -> float:
    """log(sum over layers of sqrt(n a c b^(1/2) j)) - 0.1 mean over layers of log q.

    For a convolution or linear layer with n weights, let g be the gradient of the summed logits at
    its output. a is how independent the channels of the layer's input are, as the geometric mean of
    the eigenvalues of their correlations (`log_independence`); c the number of independent channels
    of g (both over images and positions), b that of images (over channels and positions), as
    participation ratios of correlations (`independent_rows`); and q the sum over the weights of
    |theta dL/dtheta|, L being the mean over the images of the summed logits. j is how independent
    the images are in the gradient of the summed logits by the input, measured as a is.

    Layers on whose weights the logits do not depend are left out; a student without any other is
    -inf. So is one whose normalised maps go to the average pooling as they are (``darts``): the sum
    of its logits over the images is the same whatever the weights, and g is zero but for rounding,
    which is taken out (`CancellationFilter`).

    Why it should work: n counts what could be learned, and would be the whole score if every weight
    had a say of its own. It has not. The Fisher information of a layer's weights is nearly the
    Kronecker product of the second moments of its inputs and of the gradients at its outputs
    (K-FAC, Martens and Grosse 2015): weights that see what others see count once, and outputs that
    can only be moved together, too. Poolings in every path, chains that average, and layers behind
    a bottleneck make a and c small, however many weights they have. Images that the gradients do
    not tell apart cannot be fitted one by one: those are j and b, which say much the same, at the
    input and layer by layer. The root makes layers concave: twice as many layers are worth more
    than one that is twice as large, as trained accuracy has it from residual networks to vision
    transformers. The last term prefers gentle networks: where the same number of directions hangs
    on steeper weights, as without any identity path, training is less stable.

    It compares nothing with the teacher, and still orders distilled accuracy: what a student can
    take over is bounded by the directions in which it can move. Sizes, poolings and depth count on
    one absolute scale, so that scores of one student do not depend on the others that are scored.

    The parts, the exponents and the weight 0.1 were chosen on one half of the shared NAS-Bench-201
    cells, with an eye on S0, NAS-Bench-Macro, AutoFormer and PiT; ``benchmarks/own_proxy.py`` says
    what it reaches on the other half, and there.

    Source: ours. The parts are known: saliency (SNIP), participation ratios (InTrain), the
    independence of input gradients (jacov), and that of channels (MeCo).
    """
    slopes = student.layer_slopes
    if not slopes:
        return -math.inf
    width = math.fsum(map(_width, slopes))
    steepness = math.fsum(math.log(slope.saliency) for slope in slopes) / len(slopes)
    images_apart = log_independence(student.input_jacobian)
    return math.log(width) + images_apart / 2 - _STEEPNESS * steepness


def _width(slope: LayerSlope) -> float:
    """sqrt(n a c b^(1/2))."""
    moves = slope.channels * math.sqrt(slope.images)
    return math.sqrt(slope.weights * math.exp(slope.input_independence) * moves)


PROXY = Proxy(
    name="trainable_width",
    function=trainable_width_score,
    needs=frozenset({"input_jacobian", "layer_slopes"}),
    initialisation="default",
    source="ours",
    cost="backward",
    batch="images",
    ours=True,
)
