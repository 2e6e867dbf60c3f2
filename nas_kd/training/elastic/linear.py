"""A layer that takes inputs of every elastic width."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class ElasticLinear(nn.Linear):
    """A linear layer whose input may be the leading channels of its full input.

    With d of D channels it uses the first d columns of its weight, times D / d; the bias stays.

    Source: POA, equations 2 and 3.
    """

    def forward(self, x: Tensor) -> Tensor:
        width = x.shape[-1]
        return F.linear(x * (self.in_features / width), self.weight[:, :width], self.bias)
