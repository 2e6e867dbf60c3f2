"""The elastic supernet that is searched, and the images that its networks are judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nas_kd.data import DataSplits, load_data
from nas_kd.errors import UsageError
from nas_kd.training.elastic.judging import shared_accuracy
from nas_kd.training.pretraining import PretrainingFolder, load_supernet
from nas_kd.training.processes import nearest_accelerator
from search_spaces import Arch, Sizes
from search_spaces.supernets.elastic import ElasticSupernet


class Source:
    """A finished pre-training, on this machine's accelerator, with labelled images.

    Images are normalised as they were in the pre-training.

    Args:
        run: Its directory.

    Raises:
        UsageError: The directory holds no elastic supernet, or the data has no labels.
    """

    def __init__(self, run: Path) -> None:
        supernet, folder = load_supernet(run), PretrainingFolder(run)
        self.job: dict[str, Any] = folder.job() or {}
        facts = folder.facts() or {}
        if not isinstance(supernet, ElasticSupernet):
            raise UsageError(
                f"supernet: {run} holds a supernet of {self.job.get('space')}, which was trained "
                "to find one cell. Distil that with nas-kd distill; its arch is in supernet.json."
            )
        self.supernet = supernet
        self.space_name: str = self.job["space"]
        self.space_options: dict[str, int] = self.job["space_options"]
        self.data_name: str = self.job["data"]
        data = load_data(self.data_name, seed=self.job["seed"], image_size=supernet.task.image_size)
        self.data: DataSplits = data.normalised(facts["mean"], facts["std"])
        self.task = replace(supernet.task, num_classes=self.data.num_classes)
        supernet.to(nearest_accelerator("no").device)
        self.identity = f"{folder.identity()} {self.data_name}"

    def sizes(self, arch: Arch) -> Sizes:
        """Of the network with its classifier."""
        return self.supernet.space.sizes(arch, self.task)

    def judge(self, archs: Sequence[Arch]) -> dict[Arch, float]:
        """Validation accuracies with the shared weights."""
        return {arch: shared_accuracy(self.supernet, arch, self.data) for arch in archs}
