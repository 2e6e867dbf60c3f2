"""SynFlow: how much signal the weights let through, without any data."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from proxies._probe import Probe
from proxies._proxy import Proxy

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.modules.instancenorm._InstanceNorm)


def synflow_score(student: Probe, teacher: Probe | None) -> float:
    """log of the sum over weights of |theta dR / dtheta|.

    R is the summed output for one image of ones, with all parameters replaced by their absolute
    values and the normalisation layers taken out; float64, on a copy. -inf where nothing gets
    through.

    Source: Tanaka et al., SynFlow, NeurIPS 2020; as a score Abdelfattah et al., ICLR 2021.
    Deviation: the logarithm, which keeps the order and the range.
    """
    model = copy.deepcopy(student.model).double()
    _remove_norms(model)
    model.train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
            parameter.requires_grad_(True)
    ones = torch.ones((1, *student.inputs.shape[1:]), dtype=torch.float64)
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.enable_grad():
        grads = torch.autograd.grad(model(ones).sum(), weights, allow_unused=True)
    total = sum(
        float((weight.detach() * grad).abs().sum())
        for weight, grad in zip(weights, grads, strict=True)
        if grad is not None
    )
    return math.log(total) if total > 0 else float("-inf")


def _remove_norms(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, _NORMS):
            setattr(module, name, nn.Identity())
        else:
            _remove_norms(child)


SYNFLOW = Proxy(
    name="synflow",
    score=synflow_score,
    needs=frozenset({"model"}),
    initialisation="default",
    cost="forward and backward of one image",
    batch="one image of ones",
    source="SynFlow, Tanaka et al., NeurIPS 2020; Abdelfattah et al., ICLR 2021",
    deviation="logarithm of the published sum",
)
