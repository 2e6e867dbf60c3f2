"""The real tables of trained networks, each with its space and how its networks are scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.cifar10 import data_file
from benchmarks.nb201_cells import scoring
from benchmarks.proxy_scores import Setting, cifar100_setting
from search_spaces import Arch, Task
from studies.counting import counted_costs
from studies.ranking.accuracy_table import AccuracyTable, read_table

Depth = Callable[[Arch], int]
"""Layers or blocks of an arch, where the space has such a number."""


@dataclass(frozen=True)
class RealTable:
    """A table and how its networks are scored.

    Attributes:
        name: Of the bench.
        file: In the shared data, as ``nas-kd rank --table`` takes it.
        targets: Columns of accuracies.
        setting: The space, and the images that proxies look at.
        arch_columns: As in `read_table`.
        classes: Classes of the data set of ``setting``.
        depth: None where the space knows none.
        largest_sample: Rows that are drawn at most.
    """

    name: str
    file: str
    targets: Sequence[str]
    setting: Setting
    classes: int
    arch_columns: Sequence[str] = ("arch",)
    depth: Depth | None = None
    largest_sample: int | None = None

    def rows(self, target: str, seed: int = 0) -> AccuracyTable:
        """The rows with that target, or a sample of them."""
        name, mark, lists = self.file.partition("#")
        path = data_file(name)
        table = read_table(
            path.with_name(f"{path.name}{mark}{lists}"),
            self.setting.create_space(),
            target=target,
            arch_columns=self.arch_columns,
        )
        return table if self.largest_sample is None else table.sample(self.largest_sample, seed)

    def sizes(self, archs: Sequence[Arch]) -> dict[str, np.ndarray]:
        """``params``, ``macs`` and, where the space knows it, ``depth``, ``(arch,)`` each."""
        space, task = self.setting.create_space(), Task(3, self.setting.image_size, self.classes)
        counted = [counted_costs(space, arch, task) for arch in archs]
        found = {name: np.array([c[name] for c in counted]) for name in ("params", "macs")}
        if self.depth is not None:
            found["depth"] = np.array([self.depth(arch) for arch in archs], float)
        return found

    def with_seed(self, seed: int) -> RealTable:
        """The same, scored with other weights, images and noise."""
        return replace(self, setting=replace(self.setting, seed=seed))


def _depths(arch: Arch) -> int:
    """The sum of ``depth_1``, ``depth_2``, ...; or the one ``depth``."""
    return sum(int(value) for name, value in arch.items() if name.startswith("depth"))


def nasbench201(image_size: int = 32, rows: int | None = None) -> RealTable:
    """NAS-Bench-201, all shared cells or a sample of them."""
    return RealTable(
        "NAS-Bench-201", "nb201.csv.gz", ("c10_test_200", "c100_test_200"),
        scoring(0, image_size), classes=10, largest_sample=rows,
    )  # fmt: skip


def nasbench_macro(rows: int | None = None) -> RealTable:
    """NAS-Bench-Macro, all networks or a sample of them."""
    setting = replace(scoring(0, 32), space="nasbench-macro")
    return RealTable(
        "NAS-Bench-Macro", "nb_macro.csv.gz", ("mean_acc",), setting, classes=10,
        depth=lambda arch: sum(value != "identity" for value in arch.values()),
        largest_sample=rows,
    )  # fmt: skip


def s0() -> RealTable:
    """DisWOT's S0, distilled."""
    return RealTable(
        "DisWOT S0", "s0_kd.csv", ("c100_kd_acc",), cifar100_setting("cifar-resnet", 32, 64),
        classes=100, arch_columns=("d1", "d2", "d3"), depth=_depths,
    )  # fmt: skip


VIT_TARGETS = ("c100_kd_acc", "flower_kd_acc", "chaoyang_kd_acc")


def autoformer() -> RealTable:
    """The distillation bench's AutoFormer nets: the channels are divided among the heads."""
    return RealTable(
        "AutoFormer", "vit_bench_kd.json#autoformer,autoformer_2", VIT_TARGETS,
        cifar100_setting("autoformer-tiny", 112, 16, head_dim=0), classes=100, depth=_depths,
    )  # fmt: skip


def pit() -> RealTable:
    """The distillation bench's PiT nets."""
    return RealTable(
        "PiT", "vit_bench_kd.json#pit", VIT_TARGETS, cifar100_setting("pit", 112, 16),
        classes=100, depth=_depths,
    )  # fmt: skip
