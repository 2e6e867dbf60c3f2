"""Finished trainings of SuperLMs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas_kd.file_digest import sha256
from nas_kd.training.pretraining import METHODS, Job, PretrainingFolder, parse_settings, pretrain
from search_spaces import create_space
from tests.training.language_models import on_cpu, save_teacher, save_text

FEW = ("epochs=1", "batch_size=16", "max_tokens=12", "learning_rate=0.001", "unit_steps=0")


def trained_superlm(
    folder: Path,
    *settings: str,
    checkpoint: Path | None = None,
    model: Any = None,
    space: str = "autodistil-tiny",
) -> Path:
    """Trains the SuperLM of a small teacher, or of one with the weights of ``checkpoint``; by
    default that of a BERT."""
    method = METHODS.get("superlm-sandwich")
    chosen = parse_settings(method, (*FEW, *settings))
    data = save_text(folder / "text.txt", 60)
    teacher = save_teacher(folder / "teacher", model)
    job = Job(
        space=create_space(space),
        settings=chosen,
        data=data,
        teacher=teacher,
        checkpoint=checkpoint,
        image_size=None,
        seed=0,
        accelerator=on_cpu(),
    )
    run = PretrainingFolder(folder / "run")
    run.claim(
        {
            "method": method.name,
            "settings": vars(chosen),
            "space": space,
            "space_options": {},
            "data": data,
            "teacher": teacher,
            "checkpoint": None if checkpoint is None else str(checkpoint),
            **({} if checkpoint is None else {"checkpoint_sha256": sha256(checkpoint)}),
            "seed": 0,
        }
    )
    pretrain(method, job, run, lambda *told: None)
    return run.path
