"""A layer that takes inputs of every elastic width."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class ElasticLinear(nn.Linear):
    """A linear layer whose input may be the leading channels of its full input.

    With d of D channels it uses the first d columns of its weight, times D / d; the bias stays.

    Args:
        width: D.
        outputs: Channels of its output.
        scaled: Whether there is that factor.

    Source: POA, equations 2 and 3.
    """

    def __init__(self, width: int, outputs: int, *, scaled: bool) -> None:
        super().__init__(width, outputs)
        self.scaled = scaled

    def forward(self, x: Tensor) -> Tensor:
        width = x.shape[-1]
        if self.scaled:
            x = x * (self.in_features / width)
        return F.linear(x, self.weight[:, :width], self.bias)
