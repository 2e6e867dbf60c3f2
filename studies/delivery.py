"""A trained student on disk: exported, checked and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from nas_kd.costs import LatencyRecord
from nas_kd.export import (
    ParityRecord,
    PrecisionRecord,
    Preprocess,
    compare_precisions,
    export_checked,
    save_student,
    write_manifest,
)
from nas_kd.export.file_names import ONNX
from nas_kd.whole_files import whole_folder
from search_spaces import Arch
from studies.beside_teacher import measure_beside_teacher
from studies.deployed_precision import file_to_measure
from studies.recipe import Recipe
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

    def to_document(self) -> dict[str, Any]:
        """What a run's document tells of the files; latencies are milliseconds for one batch."""
        return {
            "onnx": str(self.onnx),
            "directory": str(self.directory),
            "parity_max_abs": self.parity.max_abs,
            "latency_ms": self.latency.to_document(),
            "teacher_latency_ms": self.teacher_latency.to_document(),
        }

    def accuracies(self) -> dict[str, float]:
        """``accuracy`` of the file and ``accuracy_float32``, where the two are different files."""
        return {} if self.precision is None else self.precision.accuracies()


def deliver(
    module: nn.Module,
    arch: Arch,
    *,
    directory: Path,
    recipe: Recipe,
    setting: Setting,
    costs: Mapping[str, float],
    accuracy: Mapping[str, float | None],
    inherited_share: float,
    started_from: str | None = None,
) -> Delivered:
    """Writes a student: weights, configuration, ONNX file and manifest.

    What ``directory`` held is replaced once all of it is written and checked. Where the profile's
    precision is not that of the file, the file at that precision lies beside it, is the one that is
    measured, and the manifest compares the two.

    Args:
        module: The trained student.
        arch: Its genome.
        directory: Where it goes.
        recipe: By which it was made.
        setting: Data, space, teacher and device.
        costs: Counted ``macs`` and ``params``.
        accuracy: Shares in [0, 1], by name.
        inherited_share: Of its parameters that began with the teacher's values.
        started_from: The student directory whose weights it began with; None where it began anew.

    Raises:
        ExportError: ONNX Runtime does not compute what the module computes.
    """
    data = setting.data
    with whole_folder(directory) as draft:
        save_student(
            draft,
            module=module,
            space_name=setting.space.name,
            space_options=dict(recipe.space.options),
            arch=arch,
            task=setting.task,
            classes=data.classes,
            mean=data.mean,
            std=data.std,
            provenance={"teacher": setting.teacher.source, "data": recipe.data.source},
        )
        onnx = draft / ONNX
        preprocess = Preprocess(setting.task.input_shape, data.mean, data.std)
        parity = export_checked(
            module,
            setting.task.input_shape,
            onnx,
            seed=recipe.seed,
            metadata=preprocess.metadata(data.classes),
        )
        measured = file_to_measure(onnx, setting, recipe.seed)
        precision = None if measured == onnx else _beside_float32(onnx, measured, setting)
        timing = measure_beside_teacher(measured, setting)
        write_manifest(
            draft,
            costs=costs,
            latency=timing.latency,
            parity=parity,
            accuracy={**accuracy, **({} if precision is None else precision.accuracies())},
            seeds={"study": recipe.seed},
            extra={
                "teacher": setting.teacher_facts,
                "recipe": recipe.model_dump(mode="json"),
                "precisions": {} if precision is None else {precision.precision: precision},
                "inherited_share": inherited_share,
                "started_from": started_from,
                "delivered": measured.name,
            },
        )
    file = directory / measured.name
    return Delivered(directory, file, timing.latency, timing.teacher, parity, precision)


def _beside_float32(onnx: Path, lowered: Path, setting: Setting) -> PrecisionRecord:
    """The file at the precision of the profile compared with the float32 file."""
    profile = setting.profile
    records = compare_precisions(
        onnx,
        {profile.precision: lowered},
        setting.data.final,
        split=setting.data.final_split,
        profile=profile,
    )
    return records[profile.precision]
