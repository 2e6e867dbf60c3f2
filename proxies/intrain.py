"""InTrain: how many directions the layers use, and how evenly their weights would learn."""

from __future__ import annotations

import math

from torch import Tensor

from proxies._channel_moments import ChannelMoments
from proxies._probe import Probe
from proxies._proxy import Proxy

_RIDGE = 1e-10
_EPSILON = 1e-8


def intrain_score(student: Probe, teacher: Probe | None) -> float:
    """capacity (1 + resilience) / log(layers + 1).

    The capacity is the sum over the layers of log PR, PR the participation ratio
    (sum l)^2 / sum l^2 of the eigenvalues l of their outputs' channel covariance, each plus 1e-10.
    A constant output uses no direction and adds 0. The resilience is the sum over the weights of
    convolutions and linear layers of min(1, std g / max |g|), g the gradient of the mean
    cross-entropy; a zero gradient adds 0. The labels are those of the batch, which say nothing
    about the noise that the network is shown. A network of the classifier alone scores NaN.

    Source: InTrain, CVPR 2026, from a description of it, which says neither which layers'
    activations count nor which parameters. Here, they are the outputs of the convolutions, and of
    linear layers but the classifier, and the weights of convolutions and linear layers.
    """
    moments = student.layer_moments
    if not moments:
        return math.nan
    capacity = sum(math.log(_participation(each)) for each in moments)
    resilience = sum(_evenness(gradient) for gradient in student.weight_gradients.values())
    return capacity * (1 + resilience) / math.log(len(moments) + 1)


def _participation(moments: ChannelMoments) -> float:
    """Trace and Frobenius norm stand for the sums over eigenvalues and over their squares."""
    covariance = moments.covariance
    channels, trace = len(covariance), float(covariance.trace())
    if trace == 0:
        return 1.0
    squares = float(covariance.square().sum()) + 2 * _RIDGE * trace + channels * _RIDGE**2
    return (trace + channels * _RIDGE) ** 2 / squares


def _evenness(gradient: Tensor) -> float:
    spread = float(gradient.double().std(correction=0))
    return min(1.0, spread / (float(gradient.abs().max()) + _EPSILON))


PROXY = Proxy(
    name="intrain",
    function=intrain_score,
    needs=frozenset({"layer_moments", "weight_gradients", "labels"}),
    initialisation="kaiming",
    source="InTrain, CVPR 2026, arXiv 2606.18676",
    cost="backward",
    batch="noise and labels",
    input="noise",
    deviation=(
        "at the student's own input size, not 64 x 64; outputs and weights of convolutions and "
        "linear layers; constant outputs add nothing"
    ),
)
