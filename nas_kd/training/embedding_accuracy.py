"""How much a network's embedding knows of the classes; nothing of the network is trained for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nas_kd.data import DataSplits, Images
from nas_kd.training.embeddings import read_embeddings
from nas_kd.training.knn import knn_accuracy
from nas_kd.training.linear_probe import chosen_linear_probe


@dataclass(frozen=True)
class EmbeddingAccuracy:
    """Shares of images that are classified right, in [0, 1].

    Attributes:
        knn: By their nearest neighbours among the training images.
        linear: By the best linear classifier of the training images.
    """

    knn: float
    linear: float


def embedding_accuracy(
    model: Any, data: DataSplits, images: Images | None = None, *, seed: int = 0
) -> EmbeddingAccuracy:
    """k-NN and linear probe of what the classifier of a model of timm's reads, or would read.

    Args:
        model: A model of timm's, as supernets extract it; batch norms have to know the statistics
            of the training images (`recalibrated`).
        data: The training images are seen as they are, without augmentation.
        images: On which it is judged; by default the validation images.
        seed: Of the images on which the linear classifier's weight decay is chosen.
    """
    judged = data.validation if images is None else images
    known, asked = embeddings_of(model, data.train), embeddings_of(model, judged)
    probe = chosen_linear_probe(known, data.train.labels, seed=seed)
    return EmbeddingAccuracy(
        knn=knn_accuracy(known, data.train.labels, asked, judged.labels),
        linear=probe.accuracy(asked, judged.labels),
    )


def embeddings_of(model: Any, images: Images) -> Tensor:
    """What the classifier of a model of timm's reads, or would read, ``(image, channel)``."""

    def embed(batch: Tensor) -> Tensor:
        pooled: Tensor = model.forward_head(model.forward_features(batch), pre_logits=True)
        return pooled

    return read_embeddings(model, embed, images)
