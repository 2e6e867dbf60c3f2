"""A layer whose inputs are the leading ones of its own."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from nas_kd.training.elastic.linear import ElasticLinear


@pytest.mark.parametrize(("scaled", "alpha"), [(True, 12 / 8), (False, 1.0)])
def test_a_narrow_input_uses_leading_columns_times_alpha(scaled: bool, alpha: float) -> None:
    layer = ElasticLinear(12, 5, scaled=scaled)
    narrow = torch.randn(3, 8)
    by_hand = F.linear(narrow, layer.weight[:, :8] * alpha, layer.bias)

    torch.testing.assert_close(layer(narrow), by_hand)
    whole = torch.randn(3, 12)
    torch.testing.assert_close(layer(whole), F.linear(whole, layer.weight, layer.bias))
