"""The winner: distilled, compared with its twin that had no teacher, exported and verified."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas_kd.costs import LatencyRecord
from nas_kd.export import (
    ParityRecord,
    PrecisionRecord,
    compare_precisions,
    export_checked,
    save_student,
    write_manifest,
)
from nas_kd.training import (
    DamagedCheckpointError,
    TrainingResult,
    TrainingSettings,
    read_logits,
    train_student,
)
from nas_kd.whole_files import name_for_damaged, whole_folder
from search_spaces import Arch
from studies.measuring import file_to_measure, measure_beside_teacher
from studies.observer import Observer, per_mille
from studies.recipe import DistillSection, Recipe
from studies.run_directory import RunDirectory
from studies.setting import Setting


@dataclass(frozen=True)
class Delivered:
    """A finished student on disk.

    Attributes:
        directory: Where it is.
        onnx: The file in it at the precision of the profile.
        latency: Measured from the delivered file in a fresh process.
        teacher_latency: The teacher's, in the same process.
        parity: How far ONNX Runtime and PyTorch differ.
        precision: The file beside the float32 one; None where it is that one.
    """

    directory: Path
    onnx: Path
    latency: LatencyRecord
    teacher_latency: LatencyRecord
    parity: ParityRecord
    precision: PrecisionRecord | None

    def at(self, directory: Path) -> Delivered:
        """The same in another directory."""
        return replace(self, directory=directory, onnx=directory / self.onnx.name)

    def to_dict(self) -> dict[str, Any]:
        """Everything but where it is, as JSON-ready values."""
        return {
            "onnx": self.onnx.name,
            "latency": self.latency.to_dict(),
            "teacher_latency": self.teacher_latency.to_dict(),
            "parity": self.parity.to_dict(),
            "precision": None if self.precision is None else self.precision.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], directory: Path) -> Delivered:
        """What `to_dict` wrote, in ``directory``."""
        precision = values["precision"]
        return cls(
            directory,
            directory / values["onnx"],
            LatencyRecord.from_dict(values["latency"]),
            LatencyRecord.from_dict(values["teacher_latency"]),
            ParityRecord.from_dict(values["parity"]),
            None if precision is None else PrecisionRecord.from_dict(precision),
        )

    def accuracies(self) -> dict[str, float]:
        """``accuracy`` of the file and ``accuracy_float32``, where the two are different files."""
        return _accuracies(self.precision)


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
        if start is not None:
            settings = replace(settings, init="random")
        try:
            return self._train(arch, name, settings, with_teacher, start)
        except DamagedCheckpointError as error:
            aside = error.path.replace(name_for_damaged(error.path))
            self._run.tell(
                f"The checkpoint {error.path} is damaged. It is kept as {aside.name}, and the "
                "training starts afresh."
            )
            return self._train(arch, name, settings, with_teacher, start)

    def _settings(
        self, with_teacher: bool, epochs: int | None, minutes: float | None
    ) -> TrainingSettings:
        settings = training_settings(self._recipe.distill)
        if epochs is not None or minutes is not None:
            settings = replace(settings, epochs=epochs, minutes=minutes)
        return settings if with_teacher else replace(settings, ce_weight=1.0)

    def _distillers(self, with_teacher: bool) -> dict[str, float]:
        return dict(self._recipe.distill.distillers) if with_teacher else {}

    def _train(
        self,
        arch: Arch,
        name: str,
        settings: TrainingSettings,
        with_teacher: bool,
        start: nn.Module | None,
    ) -> tuple[nn.Module, TrainingResult]:
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
        )
        return module, result

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


def deliver(
    module: nn.Module,
    arch: Arch,
    *,
    directory: Path,
    recipe: Recipe,
    setting: Setting,
    facts: dict[str, Any],
) -> Delivered:
    """Writes a student: weights, configuration, ONNX file and manifest.

    What ``directory`` held is replaced once all of it is written and checked. Where the profile's
    precision is not that of the file, the file at that precision lies beside it, is the one that is
    measured, and the manifest compares the two.

    Raises:
        ExportError: ONNX Runtime does not compute what the module computes.
    """
    with whole_folder(directory) as draft:
        save_student(
            draft,
            module=module,
            space_name=setting.space.name,
            space_options=dict(recipe.space.options),
            arch=arch,
            task=setting.task,
            classes=setting.data.classes,
            mean=setting.data.mean,
            std=setting.data.std,
            provenance={"teacher": setting.teacher.source, "data": recipe.data.source},
        )
        onnx = draft / "student.onnx"
        parity = export_checked(module, setting.task.input_shape, onnx, seed=recipe.seed)
        profile = setting.profile
        measured = file_to_measure(onnx, setting, recipe.seed)
        precisions: dict[str, PrecisionRecord] = {}
        if measured != onnx:
            precisions = compare_precisions(
                onnx,
                {profile.precision: measured},
                setting.data.test or setting.data.validation,
                split=setting.accuracy_split,
                profile=profile,
            )
        precision = precisions.get(profile.precision)
        timing = measure_beside_teacher(measured, setting)
        write_manifest(
            draft,
            costs=facts["costs"],
            latency=timing.latency,
            parity=parity,
            accuracy=facts["accuracy"] | _accuracies(precision),
            seeds={"study": recipe.seed},
            extra={
                "teacher": setting.teacher_facts,
                "recipe": recipe.model_dump(mode="json"),
                "precisions": precisions,
                "inherited_share": facts["inherited_share"],
                "started_from": facts.get("started_from"),
                "delivered": measured.name,
            },
        )
    file = directory / measured.name
    return Delivered(directory, file, timing.latency, timing.teacher, parity, precision)


def _accuracies(precision: PrecisionRecord | None) -> dict[str, float]:
    if precision is None:
        return {}
    return {"accuracy": precision.accuracy_after, "accuracy_float32": precision.accuracy_before}
