"""One search from the command line: watched, reported, summed up."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.cli.at_work import begin, working_in
from nas_kd.cli.console import stdout_kept_clean
from nas_kd.cli.progress import watching
from nas_kd.errors import NoFeasibleStudentError

if TYPE_CHECKING:
    from studies.recipe import Recipe


def watched_search(
    recipe: Recipe, directory: Path, *, fork: bool, storage: str | None, study_name: str | None
) -> dict[str, Any]:
    """Runs the whole job with progress on stderr, writes its report and returns its document.

    See `studies.pipeline.run_search`; what was found is reported where no student is feasible, too.
    """
    with stdout_kept_clean(), watching() as observer:
        begin(recipe, observer)
        from nas_kd.report.writing import write_report
        from studies.pipeline import run_search
        from studies.run_directory import RunDirectory

        run = RunDirectory.create_or_continue(directory, recipe, fork=fork)
        with working_in(run, observer) as kept:
            try:
                document = run_search(
                    recipe,
                    run.path,
                    fork=fork,
                    storage=storage,
                    study_name=study_name,
                    observer=kept,
                )
            except NoFeasibleStudentError:
                if len(run.read_candidates()):
                    write_report(run)
                raise
            kept.phase("report", None)
            write_report(run)
    return document


def search_summary(document: dict[str, Any]) -> list[Any]:
    """Tables and lines that tell of the document, and what to do next."""
    if "finished_by" in document:
        return [_peer_summary(document)]
    from nas_kd.report.tables import result_tables

    run, student = Path(document["run_dir"]), document["student"]
    load = f'from nas_kd.export import load_student; load_student("{student["directory"]}")'
    lines = [
        "",
        f"ONNX file: {student['onnx']} (input images, output logits, any batch size; "
        f"differs from PyTorch by at most {student['parity_max_abs']:.1e})",
        f"Weights, configuration, manifest: {student['directory']}",
        f"Picture and page: {run / 'front.png'}, {run / 'report.html'}",
        "",
        "Next:",
        *(f"  {command}" for command in document["next"]),
        f"  in Python: {load}",
    ]
    return [*result_tables(document), "\n".join(lines)]


def _peer_summary(document: dict[str, Any]) -> str:
    return (
        f"All {document['evaluated']} trials are done; the finalists are measured and distilled by "
        f"{document['finished_by']}. What was searched: "
        f"{shlex.join(['nas-kd', 'show', document['run_dir']])}"
    )
