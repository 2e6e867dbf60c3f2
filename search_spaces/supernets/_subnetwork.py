"""Sub-networks without weights of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from search_spaces._arch import Arch
from search_spaces._elastic_space import ElasticSpace
from search_spaces._space import Task
from search_spaces.supernets._cuts import Cut, find_cuts

Result = TypeVar("Result")

_KEPT = 1024
"""Sub-networks in memory: all of the largest published space (465), in two uses."""

TimmModel: TypeAlias = Any
"""A model of timm's; what it offers beyond `nn.Module` is not typed."""


class _Hollow(nn.Module):
    """A network whose tensors are put in for one call."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, use: Callable[[TimmModel], Result]) -> Result:
        return use(self.network)


@dataclass(frozen=True)
class Subnetwork:
    """timm's model of one arch on the meta device, and where its tensors come from."""

    hollow: _Hollow
    cuts: Mapping[str, Cut]
    statistics: Sequence[str]
    """Names of the buffers that a batch norm writes while it trains."""

    @property
    def network(self) -> TimmModel:
        return self.hollow.network

    def tensors(self, parent: nn.Module) -> dict[str, Tensor]:
        """The sub-network's tensors by name, as parts of the parent's."""
        whole = {**dict(parent.named_parameters()), **dict(parent.named_buffers())}
        return {name: cut.of(whole[cut.source]) for name, cut in self.cuts.items()}

    def call(
        self, tensors: Mapping[str, Tensor], use: Callable[[TimmModel], Result], *, training: bool
    ) -> Result:
        """What ``use`` makes of the network while it has these tensors."""
        self.network.train(training)
        named = {f"network.{name}": tensor for name, tensor in tensors.items()}
        result: Result = functional_call(self.hollow, named, (use,), tie_weights=False)
        return result


@lru_cache(maxsize=_KEPT)
def subnetwork(
    space: ElasticSpace, arch: Arch, task: Task, *, any_size: bool, drop_path: float, scaled: bool
) -> Subnetwork:
    """The sub-network of ``arch``, kept for the next time.

    Args:
        space: The arch's.
        arch: In canonical form.
        task: What the parent was made for.
        any_size: Whether it takes images of other sizes than the task's.
        drop_path: Rate of stochastic depth at the last block, rising linearly from the first: each
            block has the parent's rate but for rounding.
        scaled: See `find_cuts`.
    """
    sizes = space.any_size if any_size else {}
    network = space.host(arch, task).create(device="meta", drop_path_rate=drop_path, **sizes)
    statistics = [
        f"{name}.{buffer}"
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm)
        for buffer, _ in module.named_buffers(recurse=False)
    ]
    cuts = find_cuts(network, space.blocks(arch), scaled=scaled)
    return Subnetwork(_Hollow(network), cuts, statistics)
