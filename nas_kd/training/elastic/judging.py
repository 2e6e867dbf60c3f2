"""How good one network of a supernet is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nas_kd.data import DataSplits, Images
from nas_kd.training.embeddings import embeddings_of
from nas_kd.training.evaluate import evaluate_accuracy
from nas_kd.training.knn import knn_accuracy
from nas_kd.training.recalibrate import recalibrated
from search_spaces import Arch

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet

CALIBRATION_IMAGES = 2000
CALIBRATION_BATCH = 200
BANK_IMAGES = 20_000
"""So many training images, drawn at random, are looked at for nearest neighbours."""

_SEED = 0x5EED


def accuracy(
    supernet: ElasticSupernet, arch: Arch, data: DataSplits, images: Images | None = None
) -> float:
    """Accuracy of the extracted network, its batch-norm statistics taken anew, in [0, 1].

    Args:
        supernet: A trained one with a classifier.
        arch: Which network.
        data: Training images for the statistics, see `calibration`.
        images: On which it is judged; by default the validation images.
    """
    student = recalibrated(supernet.extract(arch), calibration(data.train))
    return evaluate_accuracy(student, data.validation if images is None else images)


def shared_accuracy(
    supernet: ElasticSupernet, arch: Arch, data: DataSplits, bank: int = BANK_IMAGES
) -> float:
    """How good a network is without any training of its own, on the validation images, in [0, 1].

    Its accuracy where the supernet has a classifier, else that of its nearest neighbours among
    ``bank`` training images, or all where there are fewer.
    """
    if supernet.task.num_classes:
        return accuracy(supernet, arch, data)
    student = recalibrated(supernet.extract(arch), calibration(data.train))
    known = data.train.subset(drawn(len(data.train), bank))
    return knn_accuracy(
        embeddings_of(student, known),
        known.labels,
        embeddings_of(student, data.validation),
        data.validation.labels,
    )


def calibration(images: Images) -> Iterator[Tensor]:
    """Batches for batch-norm statistics: 2000 images at random, always the same, not augmented.

    The batches are equally large, about 200 each, so that every image counts the same.
    """
    indices = drawn(len(images), CALIBRATION_IMAGES)
    batches = max(1, len(indices) // CALIBRATION_BATCH)
    for part in indices.split(len(indices) // batches)[:batches]:
        yield images.batch(part)[0]


def drawn(images: int, most: int) -> Tensor:
    """Numbers of at most ``most`` of the images, at random: files may come class by class."""
    return torch.randperm(images, generator=torch.Generator().manual_seed(_SEED))[:most]
