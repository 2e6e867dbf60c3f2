"""Directories of finished pre-trainings of elastic supernets."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from nas_kd.training.pretraining import METHODS, PretrainingFolder, pretrain
from nas_kd.training.sandwich.settings import SandwichSettings
from tests.training.elastic.jobs import SPACES, make_job


def pretrained(folder: Path, method: str, settings: Any, space: str, **more: Any) -> Path:
    """A run on the digits."""
    directory, job = _claimed(folder, method, settings, space, **more)
    pretrain(METHODS.get(method), job, directory, lambda *told: None)
    return folder


def untrained(
    folder: Path, space: str = "elastic-resnet", data: str = "digits", **facts: Any
) -> Path:
    """A run whose supernet was not trained at all; ``facts`` are told beside its own."""
    settings = SandwichSettings(epochs=1, batch_size=32)
    directory, job = _claimed(folder, "sandwich", settings, space, data=data)
    session = METHODS.get("sandwich").start(job)
    directory.write_facts({**session.save(folder), **facts})
    return folder


def _claimed(
    folder: Path, method: str, settings: Any, space: str, **more: Any
) -> tuple[PretrainingFolder, Any]:
    directory = PretrainingFolder(folder)
    job = make_job(settings, space, **more)
    directory.claim(
        {
            "method": method,
            "settings": asdict(settings),
            "space": space,
            "space_options": SPACES[space],
            "data": job.data,
            "image_size": None,
            "seed": 0,
        }
    )
    return directory, job
