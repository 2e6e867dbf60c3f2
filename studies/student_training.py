"""Students of one search in training, with or without the teacher."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import nn

from nas_kd.training import (
    TrainingResult,
    TrainingSettings,
    read_logits,
    train_student,
)
from search_spaces import Arch
from studies.observer import Observer, per_mille
from studies.recipe import DistillSection, Recipe
from studies.run_directory import RunDirectory
from studies.setting import Setting


class StudentTrainer:
    """Trains students of one setting, with or without the teacher."""

    def __init__(
        self, recipe: Recipe, setting: Setting, run: RunDirectory, observer: Observer
    ) -> None:
        self._recipe = recipe
        self._setting = setting
        self._run = run
        self._observer = observer

    def named(
        self,
        name: str,
        *,
        with_teacher: bool = True,
        epochs: int | None = None,
        minutes: float | None = None,
    ) -> str:
        """``name`` with a digest of how `train` would train, so that no two ways share a name."""
        settings = asdict(self._settings(with_teacher, epochs, minutes))
        del settings["workers"]  # nothing depends on it
        way = [sorted(settings.items()), sorted(self._distillers(with_teacher).items())]
        return f"{name}-{hashlib.sha256(repr(way).encode()).hexdigest()[:8]}"

    def train(
        self,
        arch: Arch,
        *,
        name: str,
        with_teacher: bool = True,
        epochs: int | None = None,
        minutes: float | None = None,
        start: nn.Module | None = None,
    ) -> tuple[nn.Module, TrainingResult]:
        """Trains a student; the same ``name`` continues where an interrupted call stopped.

        Args:
            arch: The student.
            name: Folder of the checkpoints within the run.
            with_teacher: Whether the teacher gives its weights, as ``init`` says, and the recipe's
                distillers act; else the student starts at random and the labels alone teach.
            epochs: Overrides the recipe's length.
            minutes: Overrides the recipe's length.
            start: Its network with the weights that it starts from, instead of the recipe's
                ``init``; by default it is fresh.

        Returns:
            The student with its best weights, in eval mode, and how the training went.
        """
        settings = self._settings(with_teacher, epochs, minutes)
        if start is not None or not with_teacher:
            settings = replace(settings, init="random")
        module = self._build(arch)
        if start is not None:
            module.load_state_dict(start.state_dict())
        result = train_student(
            module,
            self._setting.data,
            teacher=self._setting.teacher if with_teacher else None,
            distillers=self._distillers(with_teacher),
            settings=settings,
            seed=self._recipe.seed,
            features=self._setting.space.features(module),
            head=self._setting.space.head(module),
            checkpoint_dir=self._run.work("training", name),
            logits_file=self._logits_file(),
            on_progress=per_mille(self._observer),
            on_note=self._observer.note,
        )
        return module, result

    def _settings(
        self, with_teacher: bool, epochs: int | None, minutes: float | None
    ) -> TrainingSettings:
        settings = training_settings(self._recipe.distill)
        if epochs is not None or minutes is not None:
            settings = replace(settings, epochs=epochs, minutes=minutes)
        return settings if with_teacher else replace(settings, ce_weight=1.0)

    def _distillers(self, with_teacher: bool) -> dict[str, float]:
        return dict(self._recipe.distill.distillers) if with_teacher else {}

    def _logits_file(self) -> Path:
        """Where the teacher's logits are kept; told when they have to be computed again."""
        file = self._run.work("training", "teacher_logits.safetensors")
        if file.is_file() and read_logits(file) is None:
            self._run.tell(f"{file} is damaged; the teacher's logits are computed again.")
        return file

    def _build(self, arch: Arch) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._recipe.seed)
            return self._setting.space.build(arch, self._setting.task)


def training_settings(section: DistillSection) -> TrainingSettings:
    """The trainer's settings as the recipe gives them."""
    return TrainingSettings(
        epochs=section.epochs,
        minutes=section.minutes,
        batch_size=section.batch_size,
        optimizer=section.optimizer,
        learning_rate=section.learning_rate,
        weight_decay=section.weight_decay,
        warmup=section.warmup,
        label_smoothing=section.label_smoothing,
        temperature=section.temperature,
        ce_weight=section.ce_weight,
        auxiliary_weight=section.auxiliary_weight,
        teacher_views=section.teacher_views,
        init=section.init,
        gradient_clip=section.gradient_clip or None,
        ema_decay=section.ema_decay,
        workers=section.read_workers,
        precision=section.precision,
    )
