"""Fisher: how much the loss hangs on each channel."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._weights import layer_weights


def fisher_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over convolution and linear weights of the saliency of the channel they belong to.

    The saliency of an output channel is half the mean over the batch of the squared sum over
    positions of activation times gradient, with the layer's output as the activation and the mean
    cross-entropy as the loss. It counts once for each weight of the channel, not once for the
    channel.

    Source: Theis et al. 2018, Faster gaze prediction with dense networks and Fisher pruning; as a
    score Turner et al., BlockSwap, ICLR 2020, and Abdelfattah et al., ICLR 2021.
    """
    weights = layer_weights(student.model)
    return sum(
        float(saliency.double().sum()) * weights[name][0].numel()
        for name, saliency in student.channel_saliency.items()
    )


PROXY = Proxy(
    name="fisher",
    function=fisher_score,
    needs=frozenset({"channel_saliency", "labels", "model"}),
    initialisation="default",
    source="Fisher, Turner et al., ICLR 2020; Abdelfattah et al., ICLR 2021, arXiv 2101.08134",
    cost="backward",
    batch="images and labels",
)
