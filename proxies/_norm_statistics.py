"""What batch normalisation measures on a batch, and how to hold it fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from proxies._recording import find_module
from proxies._restoring import left_as_found


@dataclass(frozen=True)
class NormStatistics:
    """Of the input at one call of a batch normalisation layer, each ``(channel,)``.

    The variance is that by which the layer divides: over ``rows``, not ``rows`` - 1.
    """

    name: str
    mean: Tensor
    variance: Tensor
    rows: int


class NormRecorder:
    """Keeps the statistics at every call of every batch normalisation layer."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self.statistics: list[NormStatistics] = []

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        if self._wanted:
            for name, module in model.named_modules():
                if isinstance(module, _BatchNorm):
                    yield module.register_forward_pre_hook(self._keep(name))

    def _keep(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            values = inputs[0].detach()
            axes = [axis for axis in range(values.ndim) if axis != 1]
            variance, mean = torch.var_mean(values, axes, correction=0)
            rows = values.numel() // max(values.shape[1], 1)
            self.statistics.append(NormStatistics(name, mean, variance, rows))

        return hook


@contextmanager
def statistics_held(model: nn.Module, statistics: Sequence[NormStatistics]) -> Iterator[None]:
    """Lends ``model`` in train mode, except that batch normalisation uses ``statistics``.

    They count as constants, so that an image's logits depend on this image alone, and are those
    that it has in its batch. No parameter asks for a gradient. The model comes back as it was.
    """
    with left_as_found(model):
        model.train()
        model.requires_grad_(False)
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        for each in statistics:
            buffers = find_module(model, each.name)._buffers
            buffers["running_mean"], buffers["running_var"] = each.mean, each.variance
        yield
