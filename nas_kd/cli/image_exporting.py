"""The work behind ``nas-kd export`` for a student of images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.cli.console import note
from nas_kd.cli.delivered_file import require_delivery_kept
from nas_kd.cli.student_folders import belongs

if TYPE_CHECKING:
    from nas_kd.costs import DeviceProfile
    from nas_kd.export import PrecisionRecord, Student

SCHEMA = "nas-kd.export/1"


def export_images(
    directory: Path,
    onnx: Path,
    precisions: list[str],
    *,
    data: str | None,
    profile: DeviceProfile | None,
    calibration: int | None,
    seed: int,
) -> dict[str, Any]:
    """Writes the student's file anew, and in other precisions, and returns the JSON document.

    Args:
        directory: The student's.
        onnx: The float32 file.
        precisions: ``int8`` and ``fp16``, as far as they are wanted.
        data: Of the comparison and of the calibration; None takes those of the student's run.
        profile: Where latency is measured; None where no other precision is wanted.
        calibration: Training images that set the ranges of int8; None takes the usual number.
        seed: Of parity inputs and calibration images.

    Raises:
        UsageError: The student or its data cannot be read, or the file that was delivered would be
            replaced by another kind of file.
        ExportError: ONNX Runtime does not compute what the student computes.
    """
    from nas_kd.export import load_student
    from nas_kd.export.calibration import DEFAULT_IMAGES

    require_delivery_kept(directory, onnx, precisions, data=data, profile=profile)
    student = load_student(directory)
    job = None if profile is None else _Lowering(directory, student, data, profile)
    document = _export(directory, student, onnx, seed)
    if job is not None:
        records = job.run(onnx, precisions, images=calibration or DEFAULT_IMAGES, seed=seed)
        _keep(directory, onnx, records)
        document["precisions"] = {name: r.to_dict() for name, r in records.items()}
    return document


def _export(directory: Path, student: Student, output: Path, seed: int) -> dict[str, Any]:
    """Replaces ``output`` only after the new file has passed; the manifest then follows it."""
    from nas_kd.export import export_checked, refresh_manifest

    output.parent.mkdir(parents=True, exist_ok=True)
    parity = export_checked(
        student.module,
        student.task.input_shape,
        output,
        seed=seed,
        metadata=student.preprocess.metadata(student.classes),
    )
    if belongs(output, directory):
        refresh_manifest(directory, [output.name], parity=parity)
    return {
        "schema": SCHEMA,
        "student": str(directory),
        "onnx": str(output),
        "parity": parity.to_dict(),
    }


class _Lowering:
    """Writes a student's file in other precisions; what can be wrong is found when it is made."""

    def __init__(
        self, directory: Path, student: Student, source: str | None, profile: DeviceProfile
    ) -> None:
        from nas_kd.cli.student_data import data_of
        from nas_kd.costs import require_provider

        require_provider(profile)
        self._data = data_of(directory, student, source)
        self._profile = profile

    def run(
        self, onnx: Path, precisions: list[str], *, images: int, seed: int
    ) -> dict[str, PrecisionRecord]:
        """Puts the files beside ``onnx`` once they were found to work."""
        from nas_kd.export import (
            at_precision,
            calibration_batches,
            compare_precisions,
            precision_file,
        )
        from nas_kd.export.drafts import drafts_of

        batches = calibration_batches(self._data, images, seed=seed)
        split = self._data.final_split
        with drafts_of(onnx) as folder:
            drafts = {}
            for name in precisions:
                note(f"Writing {precision_file(onnx, name)} ...")
                draft = folder / precision_file(onnx, name).name
                drafts[name] = at_precision(
                    onnx, replace(self._profile, precision=name), batches, draft
                )
            note(f"Comparing on {split} images and on {self._profile.provider} ...")
            records = compare_precisions(
                onnx,
                drafts,
                self._data.final,
                split=split,
                profile=self._profile,
            )
            for name, draft in drafts.items():
                draft.replace(precision_file(onnx, name))
        return records


def _keep(directory: Path, onnx: Path, records: dict[str, PrecisionRecord]) -> None:
    """Adds the records to the manifest, where the files are the student's.

    What it says of the delivered file is true of the one that took its place.
    """
    from nas_kd.export import delivered_onnx, refresh_manifest

    if not belongs(onnx, directory):
        return
    sections: dict[str, Any] = {"precisions": records}
    for record in records.values():
        if record.file == delivered_onnx(directory).name:
            sections |= {"latency": record.latency_after, "accuracy": record.accuracies()}
    refresh_manifest(directory, [record.file for record in records.values()], **sections)
