"""Which networks of an elastic supernet hold a limit on their latency."""

from __future__ import annotations

from pathlib import Path

import torch

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.export import export_onnx
from search_spaces import Arch
from studies.supernets.elastic.source import Source
from studies.supernets.latency_limit import LatencyLimit


class ImageLatencyLimit(LatencyLimit):
    """Measures networks beside the largest, of which the limit may be a share.

    Args:
        source: Where they are from.
        budget: See `LatencyLimit`.
        profile: See there.
        margin: See there.
        work: See there.
    """

    def __init__(
        self, source: Source, budget: Budget, profile: DeviceProfile, margin: float, work: Path
    ) -> None:
        self._source = source
        largest = source.supernet.space.largest
        whole, costs = self._export(largest, work / "largest.onnx"), vars(source.sizes(largest))
        of = f"{source.identity} {source.task}"
        super().__init__(whole, costs, budget, profile, margin, work, of)

    def export(self, arch: Arch) -> Path:
        return self._export(arch, self._work / "network.onnx")

    def contains(self, one: Arch, other: Arch) -> bool:
        return all(int(one[gene]) >= int(size) for gene, size in other.items())

    def none_holds(self, measured: int, fastest_ms: float) -> str:
        return (
            f"budget: none of the {measured} networks that were measured, down to the smallest, "
            f"holds the latency limit (the fastest took {fastest_ms:.3g} ms). Raise it, or train "
            "a smaller supernet."
        )

    def _export(self, arch: Arch, path: Path) -> Path:
        task = self._source.task
        with torch.random.fork_rng(devices=[]):
            network = self._source.supernet.space.build(arch, task)
        export_onnx(network, task.input_shape, path)
        return path
