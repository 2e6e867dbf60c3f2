"""A trained elastic supernet as a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.data import DataSplits
from nas_kd.tensor_files import save_tensors
from nas_kd.training.pretraining.known_images import IMAGES, images_digest

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet

FILE = "supernet.safetensors"


def save_supernet(folder: Path, supernet: ElasticSupernet, data: DataSplits) -> dict[str, Any]:
    """Writes the weights into ``folder``; what `restore_supernet` needs beside them, as facts.

    They tell, too, whether the images of ``data`` are ``labelled``, and which they are.
    """
    save_tensors(folder / FILE, supernet.state_dict())
    return {
        "weights": FILE,
        "task": asdict(supernet.task),
        "scaled": supernet.scaled,
        "mean": list(data.mean),
        "std": list(data.std),
        "labelled": data.num_classes > 0,
        IMAGES: images_digest(data.train),
    }
