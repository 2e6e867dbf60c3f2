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
from nas_kd.export.manifest import ONNX
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
        onnx = draft / ONNX
        data = setting.data
        preprocess = Preprocess(setting.task.input_shape, data.mean, data.std)
        parity = export_checked(
            module,
            setting.task.input_shape,
            onnx,
            seed=recipe.seed,
            metadata=preprocess.metadata(data.classes),
        )
        profile = setting.profile
        measured = file_to_measure(onnx, setting, recipe.seed)
        precisions: dict[str, PrecisionRecord] = {}
        if measured != onnx:
            precisions = compare_precisions(
                onnx,
                {profile.precision: measured},
                setting.data.final,
                split=setting.data.final_split,
                profile=profile,
            )
        precision = precisions.get(profile.precision)
        timing = measure_beside_teacher(measured, setting)
        write_manifest(
            draft,
            costs=facts["costs"],
            latency=timing.latency,
            parity=parity,
            accuracy=facts["accuracy"] | ({} if precision is None else precision.accuracies()),
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
