"""``nas-kd export``: a student directory as an ONNX file, checked, and in int8 and fp16."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas_kd.cli import options
from nas_kd.cli.console import print_answer, stdout_kept_clean
from nas_kd.cli.image_exporting import export_images
from nas_kd.cli.recipe_flags import refuse_flags
from nas_kd.cli.student_folders import best_student, holds_text
from nas_kd.cli.text_exporting import export_text
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from nas_kd.costs import DeviceProfile


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
    manifest. The data are those of the student's run; --data names others. The file that the run
    delivered is written anew only on the run's device and data; for others name --output.

    A student of text is compared at several lengths. Its --int8 needs no data, and the latency of
    both files is measured and kept.
    """
    if output is not None:
        _require_name(output)
    precisions = [name for name, wanted in (("int8", int8), ("fp16", fp16)) if wanted]
    if not precisions and (data or device or threads):
        raise UsageError(
            "export: --data, --device and --threads are for --int8 and --fp16. Add one of these."
        )
    if calibration is not None and not int8:
        raise UsageError("export: --calibration is for --int8. Add it, or leave both away.")
    with stdout_kept_clean():
        from nas_kd.export.file_names import ONNX
        from nas_kd.report.precision_tables import image_export_tables
        from nas_kd.report.text_tables import text_export_tables

        directory = best_student(student)
        onnx = output or directory / ONNX
        profile = _profile(directory, device, threads) if precisions else None
        if holds_text(directory):
            refuse_flags(
                {"--fp16": fp16, "--calibration": calibration, "--data": data},
                f"{directory} holds a student of text. Beside it give only --int8, --device, "
                "--threads, --output, --seed and --json.",
            )
            document = export_text(directory, onnx, lowered_on=profile, seed=seed)
            shown = text_export_tables
        else:
            document = export_images(
                directory,
                onnx,
                precisions,
                data=data,
                profile=profile,
                calibration=calibration,
                seed=seed,
            )
            shown = image_export_tables
    print_answer(document, shown, as_json=json)


def _require_name(output: Path) -> None:
    """Raises `UsageError` unless an ONNX file can have this name."""
    if output.suffix != ".onnx" or output.is_dir():
        raise UsageError(
            f"--output: {output} is no name of an ONNX file. Name one that ends in .onnx, for "
            "example export/student.onnx."
        )
    for above in output.parents:
        if above.is_file():
            raise UsageError(f"--output: {above} is a file and no folder. Name another place.")


def _profile(directory: Path, device: str | None, threads: int | None) -> DeviceProfile:
    """Where latency is measured: as asked, else as in the student's run, else one CPU thread."""
    from nas_kd.cli.student_data import profile_of

    usual = profile_of(directory)
    return replace(usual, device=device or usual.device, threads=threads or usual.threads)
