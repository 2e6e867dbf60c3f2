"""The elastic supernet that is searched, and the images that its networks are judged on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas_kd.data import DataSplits, load_data
from nas_kd.errors import UsageError
from nas_kd.machine_lock import machine_shared
from nas_kd.training.elastic.judging import (
    BANK_IMAGES,
    CALIBRATION_IMAGES,
    drawn,
    shared_accuracy,
)
from nas_kd.training.pretraining import PretrainingFolder, load_supernet
from nas_kd.training.pretraining.known_images import has_its_images
from nas_kd.training.processes import nearest_accelerator
from search_spaces import Arch, Sizes
from search_spaces.supernets.elastic import ElasticSupernet
from studies.supernets.judging_identity import judging_identity

_BATCH = 256


class Source:
    """A finished pre-training, on this machine's accelerator, with labelled images.

    Images are normalised as they were in the pre-training. Where they are no longer those of the
    training (``has_its_images`` is false), it may have learned from some that judge.

    Args:
        run: Its directory.
        data: Specification of other images to judge networks on, and to fit classifiers to; None
            takes those of the training.

    Raises:
        UsageError: The directory holds no elastic supernet, or the images do not fit it.
    """

    def __init__(self, run: Path, data: str | None = None) -> None:
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
        self.data_name: str = data or self.job["data"]
        self.data = _images(supernet, self.data_name, self.job, facts)
        is_of_training = self.data_name == self.job["data"]
        self.has_its_images = not is_of_training or has_its_images(facts, self.data.train)
        self.task = replace(supernet.task, num_classes=self.data.num_classes)
        self._sizes: dict[Arch, Sizes] = {}
        self._accelerator = nearest_accelerator("no")
        supernet.to(self._accelerator.device)
        self._training = folder.identity()
        self.identity = f"{self._training} {self.data_name}"

    def sizes(self, arch: Arch) -> Sizes:
        """Of the network with its classifier; each network is counted once."""
        if arch not in self._sizes:
            self._sizes[arch] = self.supernet.space.sizes(arch, self.task)
        return self._sizes[arch]

    def judge(self, archs: Sequence[Arch]) -> dict[Arch, float]:
        """Validation accuracies with the shared weights."""
        return {arch: shared_accuracy(self.supernet, arch, self.data) for arch in archs}

    def judging_identity(self) -> str:
        """What `judge` depends on; see `studies.supernets.judging_identity`. It reads all
        those images."""
        with machine_shared():
            return judging_identity(self._training, self._accelerator, self._images_of_judging())

    def _images_of_judging(self) -> Iterator[Tensor]:
        """Images and labels, batch by batch."""
        most = CALIBRATION_IMAGES if self.supernet.task.num_classes else BANK_IMAGES
        known = self.data.train.subset(drawn(len(self.data.train), most))
        for images in (known, self.data.validation):
            for places in torch.arange(len(images)).split(_BATCH):
                yield from images.batch(places)


def _images(
    supernet: ElasticSupernet, name: str, job: Mapping[str, Any], facts: Mapping[str, Any]
) -> DataSplits:
    """Labelled images of the supernet's size, normalised as those of its training."""
    task = supernet.task
    if task.num_classes and name != job["data"]:
        raise UsageError(
            f"--data: this supernet knows the classes of {job['data']}, on which its students are "
            "judged. Leave it out; other images are for supernets trained without labels."
        )
    try:
        data = load_data(name, seed=job["seed"], image_size=task.image_size)
    except UsageError as error:
        if name != job["data"] or task.num_classes:
            raise
        raise UsageError(f"{error} This search takes other images with --data.") from error
    if data.input_shape[0] != task.in_channels:
        raise UsageError(
            f"data {data.name}: images have {data.input_shape[0]} channel(s), and the supernet "
            f"takes {task.in_channels}. Add ?channels={task.in_channels}."
        )
    return data.normalised(facts["mean"], facts["std"])
