"""``nas-kd export``: a student directory as an ONNX file, checked, and in int8 and fp16."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import note, print_json, print_results, stdout_kept_clean
from nas_kd.errors import ExportError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from nas_kd.costs import DeviceProfile
    from nas_kd.export import PrecisionRecord, Student

SCHEMA = "nas-kd.export/1"


def export(
    student: Annotated[
        Path, typer.Argument(metavar="STUDENT_DIR", help="A student directory, or a run.")
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The ONNX file [STUDENT_DIR/student.onnx].")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write an int8 file, FILE's name with .int8.onnx.")
    ] = False,
    fp16: Annotated[
        bool, typer.Option("--fp16", help="Also write an fp16 file, FILE's name with .fp16.onnx.")
    ] = False,
    calibration: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Training images that set the ranges of int8 [256]."),
    ] = None,
    data: options.Data = None,
    device: options.Device = None,
    threads: options.Threads = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of parity inputs and calibration images.")
    ] = 0,
    json: options.Json = False,
) -> None:
    """Export a student again and check the file.

    ONNX Runtime has to compute what PyTorch computes, at two batch sizes; else exit code 5.
    With --int8 or --fp16, accuracy and latency before and after are measured and kept in the
    manifest. The data are those of the student's run; --data names others.
    """
    precisions = [name for name, wanted in (("int8", int8), ("fp16", fp16)) if wanted]
    if not precisions and (data or device or threads):
        raise UsageError(
            "export: --data, --device and --threads are for --int8 and --fp16. Add one of these."
        )
    if calibration is not None and not int8:
        raise UsageError("export: --calibration is for --int8. Add it, or leave both away.")
    with stdout_kept_clean():
        from nas_kd.cli.targets import best_student
        from nas_kd.export import load_student
        from nas_kd.export.calibration import DEFAULT_IMAGES

        directory = best_student(student)
        loaded = load_student(directory)
        onnx = output or directory / "student.onnx"
        job = None
        if precisions:
            job = _Lowering(directory, loaded, data, _profile(directory, device, threads))
        document = _export(directory, loaded, onnx, seed)
        if job is not None:
            records = job.run(onnx, precisions, images=calibration or DEFAULT_IMAGES, seed=seed)
            _keep(directory, onnx, records)
            document["precisions"] = {name: r.to_dict() for name, r in records.items()}
    if json:
        print_json(document)
        return
    parity = document["parity"]
    print_results(
        f"{document['onnx']}: differs from PyTorch by at most {parity['max_abs']:.2e} "
        f"(allowed {parity['tolerance']:.0e}) at batches {parity['batches']}."
    )
    if job is not None:
        print_results(_table(records))


def _export(directory: Path, student: Student, output: Path, seed: int) -> dict[str, Any]:
    """Replaces ``output`` only after the new file has passed; the manifest then follows it."""
    from nas_kd.export import check_parity, export_onnx, refresh_manifest

    shape = student.task.input_shape
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.with_name(f".{output.stem}.part.onnx")
    try:
        export_onnx(student.module, shape, draft)
        parity = check_parity(student.module, draft, shape, seed=seed)
        if not parity.passed:
            raise ExportError(
                f"parity: the exported file differs from the module by {parity.max_abs:.2g} "
                f"(allowed {parity.tolerance:.2g}); {output} was left as it was."
            )
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)
    if _belongs(output, directory):
        refresh_manifest(directory, parity=parity)
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

        batches = calibration_batches(self._data, images, seed=seed)
        split = "validation" if self._data.test is None else "test"
        with _drafts(onnx) as folder:
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
                self._data.test or self._data.validation,
                split=split,
                profile=self._profile,
            )
            for name, draft in drafts.items():
                draft.replace(precision_file(onnx, name))
        return records


@contextmanager
def _drafts(onnx: Path) -> Iterator[Path]:
    """A hidden folder beside the file; what a killed call left there is removed."""
    folder = onnx.parent / ".precisions.part"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _profile(directory: Path, device: str | None, threads: int | None) -> DeviceProfile:
    """Where latency is measured: as asked, else as in the student's run, else one CPU thread."""
    from nas_kd.cli.student_data import recipe_of
    from nas_kd.costs import DeviceProfile
    from studies.setting import device_profile

    recipe = recipe_of(directory)
    usual = device_profile(recipe.budget) if recipe else DeviceProfile()
    return replace(usual, device=device or usual.device, threads=threads or usual.threads)


def _keep(directory: Path, onnx: Path, records: dict[str, PrecisionRecord]) -> None:
    """Adds the records to the manifest, where the files are the student's."""
    from nas_kd.export import read_manifest, refresh_manifest

    if _belongs(onnx, directory):
        earlier = (read_manifest(directory) or {}).get("precisions", {})
        refresh_manifest(directory, precisions={**earlier, **records})


def _belongs(file: Path, directory: Path) -> bool:
    return file.resolve().parent == directory.resolve()


def _table(records: dict[str, PrecisionRecord]) -> Table:
    """Before and after, a line per file."""
    from rich import box
    from rich.table import Table

    from nas_kd.report import numbers

    first = next(iter(records.values()))
    table = Table(box=box.SIMPLE_HEAD)
    columns = ("change", "same class", "latency", "of fp32", "size")
    for column in ("", f"{first.split} accuracy", *columns):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    before = first.latency_before.median_ms
    accuracy = numbers.percent(first.accuracy_before)
    table.add_row(
        "fp32", accuracy, "", "", numbers.milliseconds(before), "", _size(first.bytes_before)
    )
    for name, record in records.items():
        table.add_row(
            name,
            numbers.percent(record.accuracy_after),
            numbers.points(record.accuracy_after - record.accuracy_before),
            numbers.percent(record.top1_agreement),
            numbers.milliseconds(record.latency_after.median_ms),
            numbers.ratio(record.latency_after.median_ms, before),
            _size(record.bytes_after),
        )
    return table


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB"
