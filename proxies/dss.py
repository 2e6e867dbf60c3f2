"""DSS: how diverse a vision transformer's attention is, and how salient its other layers are."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from proxies._nuclear_norm import nuclear_norm
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._recording import logits_of
from proxies._transformer import transformer_blocks
from proxies._weights import layer_weights


def dss_score(student: Probe, teacher: Probe | None) -> float:
    """Synaptic diversity of the attention plus synaptic saliency of everything else.

    R is the summed output for one image of ones, on a copy of the network in float64 and
    evaluation mode with every parameter replaced by its absolute value. The linear layers of the
    attentions add the nuclear norm of dR / dW times that of W; all other linear layers and
    convolutions, the patch embedding and the classifier among them, the sum of |W dR / dW|. A
    network that lets nothing through scores -inf. The weights for queries, keys and values count
    as one matrix where the network holds them as one.

    Source: Zhou et al., Training-free Transformer Architecture Search (TF-TAS), CVPR 2022.

    Raises:
        UsageError: The network has no attention.
    """
    attention = {
        f"{name}.weight" for block in transformer_blocks(student.model) for name in block.attention
    }
    model = _absolute(student.model)
    images = torch.ones((1, *student.inputs.shape[1:])).to(student.inputs.device).double()
    weights = layer_weights(model)
    with torch.enable_grad():
        total_output = logits_of(model(images)).sum()
        if not total_output.requires_grad:
            return -math.inf
        gradients = torch.autograd.grad(total_output, list(weights.values()), allow_unused=True)
    score = 0.0
    for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
        if gradient is None:
            continue
        if name in attention:
            score += nuclear_norm(weight.detach()) * nuclear_norm(gradient)
        else:
            score += float((weight.detach() * gradient).abs().sum())
    return score if score != 0 else -math.inf


def _absolute(model: nn.Module) -> nn.Module:
    """A float64 copy in evaluation mode with absolute parameters; only weights have gradients."""
    absolute = copy.deepcopy(model).double().eval()
    weights = {id(weight) for weight in layer_weights(absolute).values()}
    with torch.no_grad():
        for parameter in absolute.parameters():
            parameter.abs_()
            parameter.requires_grad_(id(parameter) in weights)
    return absolute


PROXY = Proxy(
    name="dss",
    function=dss_score,
    needs=frozenset({"attention", "model"}),
    initialisation="default",
    source="DSS-indicator, Zhou et al., TF-TAS, CVPR 2022, arXiv 2203.12217",
    cost="forward and backward of one image",
    batch="one image of ones",
    deviation=(
        "float64; the attention's weights get their gradient, which the released code loses; a "
        "network without flow scores -inf"
    ),
)
