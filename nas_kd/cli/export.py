"""``nas-kd export``: a student directory as an ONNX file, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import print_json, print_results, stdout_kept_clean
from nas_kd.errors import ExportError

SCHEMA = "nas-kd.export/1"


def export(
    student: Annotated[
        Path, typer.Argument(metavar="STUDENT_DIR", help="A student directory, or a run.")
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The ONNX file [STUDENT_DIR/student.onnx].")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the parity inputs.")] = 0,
    json: options.Json = False,
) -> None:
    """Export a student again and check the file.

    ONNX Runtime has to compute what PyTorch computes, at two batch sizes; else exit code 5.
    """
    with stdout_kept_clean():
        from nas_kd.cli.targets import best_student

        directory = best_student(student)
        document = _export(directory, output or directory / "student.onnx", seed)
    if json:
        print_json(document)
    else:
        parity = document["parity"]
        print_results(
            f"{document['onnx']}: differs from PyTorch by at most {parity['max_abs']:.2e} "
            f"(allowed {parity['tolerance']:.0e}) at batches {parity['batches']}."
        )


def _export(directory: Path, output: Path, seed: int) -> dict[str, Any]:
    """Replaces ``output`` only after the new file has passed; the manifest then follows it."""
    from nas_kd.export import check_parity, export_onnx, load_student, refresh_manifest

    student = load_student(directory)
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
    if output.resolve().parent == directory.resolve():
        refresh_manifest(directory, parity=parity)
    return {
        "schema": SCHEMA,
        "student": str(directory),
        "onnx": str(output),
        "parity": parity.to_dict(),
    }
