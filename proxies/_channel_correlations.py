"""How far from repeating each other the channels of every module's output are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from weakref import ref

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from proxies._layout import ChannelAxes, by_image, channels_first, first_tensor
from proxies._similarity import CONSTANT
from proxies._spectra import eigenvalues


class CorrelationRecorder:
    """Keeps what every module, containers and the network itself included, makes of one image.

    Args:
        images: Size of the batch; modules may see each image in parts.
        axes: Tells where the outputs have their channels.
        wanted: Whether to watch at all.
    """

    def __init__(self, images: int, axes: ChannelAxes, *, wanted: bool) -> None:
        self._images = images
        self._axes = axes
        self._wanted = wanted
        self._last: tuple[ref[Tensor], int] | None = None
        self._maps: list[Tensor] = []  # (channel, position)
        self._calls: list[int] = []  # the index of the map that each call returned

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        if self._wanted:
            for module in model.modules():
                yield module.register_forward_hook(self._keep)

    @cached_property
    def least(self) -> list[float]:
        """For each call of each module `least_correlations` of its output for the first image."""
        alike: dict[torch.Size, list[int]] = defaultdict(list)
        for index, channels in enumerate(self._maps):
            alike[channels.shape].append(index)
        values: dict[int, float] = {}
        for indices in alike.values():
            found = least_correlations(torch.stack([self._maps[index] for index in indices]))
            values.update(zip(indices, found.tolist(), strict=True))
        return [values[index] for index in self._calls]

    def _keep(self, module: nn.Module, inputs: Any, output: Any) -> None:
        tensor = first_tensor(output)
        if tensor is None:
            return
        if not self._seen_last(tensor):
            self._maps.append(self._first_image(tensor, module).clone())
            self._last = ref(tensor), tensor._version
        self._calls.append(len(self._maps) - 1)

    def _first_image(self, output: Tensor, module: nn.Module) -> Tensor:
        """``(channel, position)``."""
        parts, rest = divmod(len(output), self._images)
        shown = output.detach()[: 1 if rest else parts]
        channels = channels_first(shown, last=self._axes.last(output, module))
        return by_image(channels, 1)[0]

    def _seen_last(self, tensor: Tensor) -> bool:
        """Whether a container returns what its last child did, and nothing changed it in place."""
        if self._last is None:
            return False
        output, version = self._last
        return output() is tensor and version == tensor._version


def least_correlations(maps: Tensor) -> Tensor:
    """Smallest eigenvalues of the Pearson correlations between channels, ``(map,)``, float64.

    From ``(map, channel, position)``. Zero where the matrix is singular for sure: with a constant
    channel, whose correlations count as zero, and with as many channels as positions. NaN for
    values that are not finite.
    """
    _, channels, positions = maps.shape
    if channels >= positions:
        return torch.zeros(len(maps), dtype=torch.float64)
    rows = maps.cpu().double()
    mean = rows.mean(2, keepdim=True)
    lengths = (rows - mean).norm(dim=2, keepdim=True)
    constant = (lengths <= CONSTANT * positions**0.5 * mean.abs()).flatten(1).any(1)
    unit = (rows - mean) / lengths
    least = eigenvalues(unit @ unit.transpose(1, 2))[:, 0]
    return least.where(~constant, 0.0)
