"""SynFlow: how much signal the weights alone let through."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._recording import logits_of
from proxies._weights import is_norm, layer_weights


def synflow_score(student: Probe, teacher: Probe | None) -> float:
    """log of the sum over convolution and linear weights of |theta dR / dtheta|.

    R is the summed output for one image of ones. It is computed on a copy of the network in
    float64, with every parameter, biases included, replaced by its absolute value, and with the
    normalisation layers replaced by the identity, not merely in evaluation mode. A network that
    lets nothing through scores -inf, and so does a deep transformer whose attention overflows
    without its norms.

    Source: Tanaka et al., SynFlow, NeurIPS 2020, eq. 2; as a score Abdelfattah et al., ICLR 2021.
    """
    model = _linearised(student.model)
    images = torch.ones((1, *student.inputs.shape[1:])).to(student.inputs.device).double()
    weights = list(layer_weights(model).values())
    with torch.enable_grad():
        total_output = logits_of(model(images)).sum()
        if not total_output.requires_grad:
            return -math.inf
        gradients = torch.autograd.grad(total_output, weights, allow_unused=True)
    flow = sum(
        float((weight.detach() * gradient).abs().sum())
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is not None
    )
    return math.log(flow) if flow > 0 else -math.inf


def _linearised(model: nn.Module) -> nn.Module:
    """A float64 copy with absolute parameters and without normalisation layers."""
    linear = copy.deepcopy(model).double().eval()
    for module in list(linear.modules()):
        if hasattr(module, "inplace"):  # what a removed layer copied is now its input itself
            setattr(module, "inplace", False)  # noqa: B010 - unknown to nn.Module for mypy
        for name, child in module.named_children():
            if is_norm(child):
                setattr(module, name, nn.Identity())
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.abs_()
    weights = {id(weight) for weight in layer_weights(linear).values()}
    for parameter in linear.parameters():
        parameter.requires_grad_(id(parameter) in weights)
    return linear


PROXY = Proxy(
    name="synflow",
    function=synflow_score,
    needs=frozenset({"model"}),
    initialisation="default",
    source="SynFlow, Tanaka et al., NeurIPS 2020; Abdelfattah et al., ICLR 2021, arXiv 2101.08134",
    cost="forward and backward of one image",
    batch="one image of ones",
    deviation="logarithm of the published sum; every kind of normalisation is removed, not only BN",
)
