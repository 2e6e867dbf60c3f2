"""How much of its channels each block uses."""

from __future__ import annotations

import torch
from torch import Tensor

from proxies._channel_moments import ChannelMoments
from proxies._probe import Probe
from proxies._spectra import eigenvalues

_EPSILON = 1e-8


def block_entropies(probe: Probe) -> Tensor:
    """Entropy of the channel spectrum of each block's output, ``(block,)``, float64.

    The eigenvalues of the covariance over images and positions are divided by their sum; with p
    one of them, the entropy is -sum p log(p + 1e-8). NaN for a constant output.
    """
    return probe.derived("block_entropies", _entropies)


def _entropies(probe: Probe) -> Tensor:
    entropies = [_entropy(moments) for moments in probe.block_moments]
    return torch.tensor(entropies, dtype=torch.float64)


def _entropy(moments: ChannelMoments) -> float:
    spectrum = eigenvalues(moments.covariance)
    shares = spectrum / spectrum.sum()
    return -float((shares * (shares + _EPSILON).log()).sum())
