"""The teacher of the embedded digits job: trained on the spot once, and kept."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from nas_kd.data import DataSplits
from nas_kd.errors import NasKdError, UsageError
from nas_kd.file_lock import locked
from nas_kd.machine_lock import lock_file
from nas_kd.teachers import Teacher, load_weights
from nas_kd.tensor_files import save_tensors
from nas_kd.training.digits_resnet import DigitsResNet
from nas_kd.training.progress import Progress
from nas_kd.training.settings import TrainingSettings
from nas_kd.training.student import train_student

DEFAULT_TEACHER = "digits-cnn"
WIDTH = 40
BLOCKS = 2
SETTINGS = TrainingSettings(
    epochs=35, batch_size=64, learning_rate=0.1, warmup=0.15, ema_decay=0.99
)

_WAITING = f"Waiting for another nas-kd command that trains the teacher {DEFAULT_TEACHER} ..."


def train_default_teacher(
    data: DataSplits,
    *,
    cache_dir: Path,
    seed: int,
    settings: TrainingSettings = SETTINGS,
    on_progress: Progress | None = None,
) -> Teacher:
    """Trains the teacher on the labels of ``data``, or loads it when that was done before.

    The weights are kept as safetensors in ``cache_dir``, under a name made of the data, the seed
    and the recipe; a damaged file is made anew. An interrupted training continues from its last
    epoch. Of several processes that want the same teacher one trains it, and the others wait.

    Args:
        data: Any images; the network is meant for small ones such as the digits.
        cache_dir: Made if need be.
        seed: Decides the initialisation and the course of the training.
        settings: How it is trained.
        on_progress: See `train_student`; not called when nothing is trained.

    Raises:
        NasKdError: The cache cannot be written, or the training failed.
    """
    model = _build(data, seed)
    path = cache_dir / f"{DEFAULT_TEACHER}-{_fingerprint(data, settings, seed)}.safetensors"
    if not _is_loaded(model, path):
        with locked(lock_file(path.stem), exclusive=True, waiting=_WAITING):
            if not _is_loaded(model, path):
                _train(model, data, path, settings, seed, on_progress)
    return _as_teacher(model, data)


def _train(
    model: nn.Module,
    data: DataSplits,
    path: Path,
    settings: TrainingSettings,
    seed: int,
    on_progress: Progress | None,
) -> None:
    progress_dir = path.with_suffix("")
    train_student(
        model,
        data,
        settings=settings,
        seed=seed,
        checkpoint_dir=progress_dir,
        on_progress=on_progress,
    )
    _save(model, path)
    shutil.rmtree(progress_dir, ignore_errors=True)


def untrained_default_teacher(data: DataSplits, seed: int) -> Teacher:
    """The same network with the initial weights of ``seed``."""
    return _as_teacher(_build(data, seed), data)


def _build(data: DataSplits, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return DigitsResNet(data.input_shape[0], data.num_classes, width=WIDTH, blocks=BLOCKS)


def _as_teacher(model: nn.Module, data: DataSplits) -> Teacher:
    return Teacher(
        model=model,
        name=DEFAULT_TEACHER,
        source=DEFAULT_TEACHER,
        num_classes=data.num_classes,
        features=["stage1", "stage2", "stage3"],
        head="classifier",
        mean=data.mean,
        std=data.std,
    )


def _fingerprint(data: DataSplits, settings: TrainingSettings, seed: int) -> str:
    """Twelve hexadecimal digits that change with anything that changes the weights."""
    recipe = {
        "network": [WIDTH, BLOCKS, list(data.input_shape), data.num_classes],
        "settings": asdict(settings),
        "seed": seed,
        "augmentation": repr(data.augment),
    }
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode())
    for images in (data.train, data.validation):
        for indices in torch.arange(len(images)).split(256):
            pixels, labels = images.batch(indices)
            digest.update(pixels.contiguous().numpy().tobytes())
            digest.update(labels.numpy().tobytes())
    return digest.hexdigest()[:12]


def _is_loaded(model: nn.Module, path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        load_weights(model, path)
    except UsageError:
        return False
    return True


def _save(model: nn.Module, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(path, model.state_dict())
    except OSError as error:
        raise NasKdError(
            f"teacher: the trained weights cannot be kept in {path.parent} ({error}). Make it "
            "writable, or name another cache directory."
        ) from error
