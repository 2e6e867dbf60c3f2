"""``nas-kd show``: what a run has found, also while it is still running."""

from __future__ import annotations

from nas_kd.cli import options
from nas_kd.cli.console import print_json, print_results, stdout_kept_clean


def show(run: options.Run, json: options.Json = False) -> None:
    """Show the front, the finalists and the student of a run."""
    from nas_kd.report.run_document import read_document
    from studies.run_directory import RunDirectory

    with stdout_kept_clean():
        document = read_document(RunDirectory.open(run))
    if json:
        print_json(document)
        return
    from nas_kd.report.tables import result_tables

    print_results(*result_tables(document))
    if not document.get("student"):
        print_results("This run is not finished: the command that began it continues it.")
