"""Students of a space, exported and measured: what the benchmarks of predicted latency work on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, track

from nas_kd.costs import DeviceProfile, LatencyRecord, measure_many
from nas_kd.costs.arch_encoding import ArchEncoder
from nas_kd.costs.latency_cache import LatencyCache
from nas_kd.costs.predictor import design
from nas_kd.export import export_onnx
from search_spaces import Arch, SearchSpace, Task, create_space
from studies.counting import counted_costs
from studies.random_arch import random_arch

TASK = Task(in_channels=3, image_size=32, num_classes=10)
PROFILE = DeviceProfile("cpu", threads=1)


@dataclass(frozen=True)
class Students:
    """A pool of distinct random students, of which 40 are chosen by design and 60 at random.

    Attributes:
        space_name: Name of the space.
        seed: Of the pool.
        pool_size: How many are in it.
    """

    space_name: str
    seed: int = 0
    pool_size: int = 500

    @cached_property
    def space(self) -> SearchSpace:
        return create_space(self.space_name)

    @cached_property
    def encoder(self) -> ArchEncoder:
        return ArchEncoder(self.space)

    @cached_property
    def pool(self) -> list[Arch]:
        generator = np.random.default_rng(self.seed)
        found: dict[str, Arch] = {}
        while len(found) < self.pool_size:
            arch = self.space.canonical(random_arch(self.space, generator))
            found.setdefault(arch.key, arch)
        return list(found.values())

    @cached_property
    def features(self) -> NDArray[np.float64]:
        return np.stack([self.encode(arch) for arch in self.pool])

    def encode(self, arch: Arch) -> NDArray[np.float64]:
        return self.encoder.encode(arch, counted_costs(self.space, arch, TASK))

    def rows(self, fitted: int, held_out: int) -> tuple[list[int], list[int]]:
        """Indices into the pool: chosen by design, and drawn from the rest."""
        chosen = design(self.features, fitted)
        rest = np.setdiff1d(np.arange(len(self.pool)), chosen)
        drawn = np.random.default_rng(self.seed + 1).permutation(rest)[:held_out]
        return chosen, [int(index) for index in drawn]

    def export(self, row: int) -> Path:
        """The untrained student as an ONNX file, made once."""
        path = _folder() / f"{self.space_name}-{self.seed}-{row}.onnx"
        if not path.is_file():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                module = self.space.build(self.pool[row], TASK)
            export_onnx(module, TASK.input_shape, path)
        return path

    def measure(self, rows: list[int], max_seconds: float) -> list[LatencyRecord]:
        """Measured once, all in the same processes; a later call finds what is known."""
        files = [self.export(row) for row in track(rows, f"exporting {self.space_name}")]
        with Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        ) as bar:
            bar.add_task(f"measuring {len(files)} students for {len(files) * max_seconds:.0f} s")
            cache = LatencyCache(_folder() / "latencies")
            return measure_many(files, PROFILE, max_seconds=max_seconds, cache=cache)


def drift_free_ms(records: list[LatencyRecord]) -> NDArray[np.float64]:
    """Latencies as if the reference model had taken its median time beside every one."""
    reference = np.median([record.reference_ms for record in records])
    return np.array([record.relative_to_reference for record in records]) * reference


def _folder() -> Path:
    folder = Path(gettempdir()) / "nas-kd-latency-students"
    folder.mkdir(exist_ok=True)
    return folder
