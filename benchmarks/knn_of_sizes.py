"""k-NN accuracy of the sizes of an elastic ViT on the shared CIFAR-10 test images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from nas_kd.data import DataSplits
from nas_kd.training.embeddings import read_embeddings
from nas_kd.training.knn import knn_votes
from nas_kd.training.pretraining import load_supernet
from search_spaces import Arch, Task

TASK = Task(in_channels=3, image_size=32, num_classes=10)


def judge(run: Path, data: DataSplits, bank: int) -> dict[str, Any]:
    """Of every size of the finished pre-training in ``run``, by ascending MACs.

    Args:
        run: A directory of `pretrain`.
        data: Training images are the labelled ones, test images are asked for.
        bank: How many training images, at most.
    """
    supernet: Any = load_supernet(run)
    sizes = [_size(supernet, arch, data, bank) for arch in supernet.space.enumerate()]
    return {"sizes": sorted(sizes, key=lambda size: size["macs"])}


def judge_untrained(supernet: Any, data: DataSplits, bank: int) -> dict[str, Any]:
    """Of the pixels themselves, and of the smallest and the largest network as they are."""
    pixels = {"arch": "pixels", "macs": 0, **_knn(nn.Flatten(), data, bank)}
    ends = (supernet.space.smallest, supernet.space.largest)
    return {"sizes": [pixels, *(_size(supernet, arch, data, bank) for arch in ends)]}


def _size(supernet: Any, arch: Arch, data: DataSplits, bank: int) -> dict[str, Any]:
    return {
        "arch": supernet.space.describe(arch),
        "macs": int(supernet.space.sizes(arch, TASK).macs),
        **_knn(lambda images: supernet.embed(images, arch).pooled, data, bank),
    }


def _knn(embed: Callable[[Tensor], Tensor], data: DataSplits, bank: int) -> dict[str, Any]:
    """The accuracy, and for every test image whether it is right, as a text of 0 and 1."""
    assert data.test is not None
    known = data.train.subset(range(min(bank, len(data.train))))
    seen, asked = (read_embeddings(nn.Identity(), embed, part) for part in (known, data.test))
    right = knn_votes(seen, known.labels, asked).argmax(1) == data.test.labels
    hits = "".join(str(int(hit)) for hit in right)
    return {"knn_accuracy": float(right.float().mean()), "hits": hits}
