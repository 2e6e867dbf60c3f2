"""A trained supernet from the directory of its pre-training."""

from __future__ import annotations

from pathlib import Path

from nas_kd.errors import UsageError
from nas_kd.training.pretraining.folder import PretrainingFolder
from nas_kd.training.pretraining.methods import METHODS
from search_spaces.supernets import Supernet


def load_supernet(path: Path) -> Supernet:
    """The supernet that ``nas-kd pretrain`` finished in the directory ``path``.

    Raises:
        UsageError: The directory holds no finished supernet, or a damaged one.
    """
    folder = PretrainingFolder(path)
    job, facts = folder.job(), folder.facts()
    if job is None or facts is None:
        raise UsageError(
            f"supernet: {path} holds no finished supernet (supernet.json is missing). Give the "
            "directory of a finished `nas-kd pretrain`; the same command continues one."
        )
    if changed := folder.changed_files():
        raise UsageError(
            f"supernet: {', '.join(map(str, changed))}: missing, or not as the training wrote it. "
            "Put it back, or run the same `nas-kd pretrain` command: it makes the supernet again."
        )
    return METHODS.get(job["method"]).restore(path, {**job, **facts})
