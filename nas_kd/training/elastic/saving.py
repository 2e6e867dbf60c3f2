"""A trained elastic supernet as a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file

from nas_kd.data import DataSplits
from nas_kd.whole_files import replaced

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet

FILE = "supernet.safetensors"


def save_supernet(folder: Path, supernet: ElasticSupernet, data: DataSplits) -> dict[str, Any]:
    """Writes the weights into ``folder``; what `restore_supernet` needs beside them, as facts."""
    weights = {name: value.cpu().contiguous() for name, value in supernet.state_dict().items()}
    with replaced(folder / FILE) as draft:
        save_file(weights, draft)
    return {
        "weights": FILE,
        "task": asdict(supernet.task),
        "scaled": supernet.scaled,
        "mean": list(data.mean),
        "std": list(data.std),
    }
