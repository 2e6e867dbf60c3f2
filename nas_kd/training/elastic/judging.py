"""How good one network of a supernet is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nas_kd.data import DataSplits, Images
from nas_kd.training.embedding_accuracy import embeddings_of
from nas_kd.training.evaluate import evaluate_accuracy
from nas_kd.training.knn import knn_accuracy
from nas_kd.training.recalibrate import recalibrated
from search_spaces import Arch

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet

CALIBRATION_IMAGES = 2000
CALIBRATION_BATCH = 200


def accuracy(
    supernet: ElasticSupernet, arch: Arch, data: DataSplits, images: Images | None = None
) -> float:
    """Accuracy of the extracted network, its batch-norm statistics taken anew, in [0, 1].

    Args:
        supernet: A trained one with a classifier.
        arch: Which network.
        data: Training images for the statistics: the first 2000, not augmented, as in Once-for-All.
        images: On which it is judged; by default the validation images.
    """
    student = recalibrated(supernet.extract(arch), calibration(data))
    return evaluate_accuracy(student, data.validation if images is None else images)


def shared_accuracy(supernet: ElasticSupernet, arch: Arch, data: DataSplits) -> float:
    """How good a network is without any training of its own, on the validation images, in [0, 1].

    Its accuracy where the supernet has a classifier, else that of its nearest neighbours among the
    training images.
    """
    if supernet.task.num_classes:
        return accuracy(supernet, arch, data)
    student = recalibrated(supernet.extract(arch), calibration(data))
    known = embeddings_of(student, data.train)
    asked = embeddings_of(student, data.validation)
    return knn_accuracy(known, data.train.labels, asked, data.validation.labels)


def calibration(data: DataSplits) -> Iterator[Tensor]:
    """Batches of training images for batch-norm statistics."""
    indices = torch.arange(min(CALIBRATION_IMAGES, len(data.train)))
    for part in indices.split(CALIBRATION_BATCH):
        yield data.train.batch(part)[0]
