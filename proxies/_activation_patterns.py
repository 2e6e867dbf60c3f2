"""Which units of the activation functions are switched on by which images."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

_ACTIVATIONS = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Hardswish,
)
"""All of them let the positive side through and bend or cut the negative one."""

_LIBRARIES = ("timm.", "transformers.")
_NAMED = re.compile("ReLU|GELU|SiLU|Swish|Mish")
"""What these libraries call their own classes of the same kind, such as ``GELUActivation``."""

_EXACT_BITS = 24
"""Whole numbers of so many bits are exact in float32."""


class PatternRecorder:
    """Reads the sign of the input at every call of every ReLU, GELU, SiLU or alike module.

    Functional activations are invisible to hooks.

    Args:
        kernel: Whether to compare the images by their patterns.
        words: Whether to collect the words of the units.

    Attributes:
        kernel: Number of units that two images switch alike, ``(batch, batch)``, float64.
        words: For each call the different words among its units, ``(word,)``, int64. The word of a
            unit has one bit for each image: on or off. Beyond 64 images it is a hash of that, and
            two different ones are taken for the same with probability 2^-64.
    """

    def __init__(self, *, kernel: bool, words: bool) -> None:
        self._wanted = kernel, words
        self.kernel: Tensor | None = None
        self.words: list[Tensor] = []

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        if any(self._wanted):
            for module in model.modules():
                if _is_activation(module):
                    yield module.register_forward_pre_hook(self._read)

    def _read(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].detach()
        active = values.sign().relu_().flatten(1).float()  # (batch, unit); faster than comparing
        kernel, words = self._wanted
        if kernel:
            self._add(active)
        if words:
            self.words.append(distinct(unit_words(active)))

    def _add(self, active: Tensor) -> None:
        both = active @ active.T  # (batch, batch)
        counts = both.diagonal()
        neither = active.shape[1] - counts[:, None] - counts[None, :] + both
        alike = (both + neither).double()
        self.kernel = alike if self.kernel is None else self.kernel + alike


def _is_activation(module: nn.Module) -> bool:
    kind = type(module)
    theirs = kind.__module__.startswith(_LIBRARIES) and _NAMED.search(kind.__name__) is not None
    return isinstance(module, _ACTIVATIONS) or (theirs and not any(True for _ in module.children()))


def unit_words(active: Tensor) -> Tensor:
    """The word of each unit, ``(unit,)``, int64, from the 0/1 pattern ``(batch, unit)``.

    Products with powers of two, exact in float32, pack 24 images at a time.
    """
    pieces = active.split(_EXACT_BITS)
    words = torch.zeros(active.shape[1], dtype=torch.int64, device=active.device)
    for piece, factor in zip(pieces, _factors(len(pieces), len(active)), strict=True):
        powers = 2.0 ** torch.arange(len(piece), device=active.device)
        words += (powers.to(active) @ piece).long() * factor  # modulo 2^64
    return words


def distinct(words: Tensor) -> Tensor:
    """The different values of ``words``, ascending, on the CPU.

    By NumPy's sort of integers, which is several times faster than `torch.unique`.
    """
    ordered = torch.from_numpy(np.sort(words.cpu().numpy()))
    first = torch.ones(len(ordered), dtype=torch.bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def _factors(pieces: int, batch: int) -> list[int]:
    """Where each piece goes in the word; beyond 64 images random odd factors mix them."""
    if batch <= 64:
        return [1 << (_EXACT_BITS * index) for index in range(pieces)]
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(-(2**62), 2**62, (pieces,), generator=generator)
    return [2 * int(value) + 1 for value in drawn]
