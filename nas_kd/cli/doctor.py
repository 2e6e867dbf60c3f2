"""``nas-kd doctor``: what this machine can do, and what is known to go wrong on it."""

from __future__ import annotations

from typing import Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import print_json, print_results, stdout_kept_clean
from nas_kd.errors import ExitCode

SCHEMA = "nas-kd.doctor/1"


def doctor(json: options.Json = False) -> None:
    """Check this machine and its packages.

    Versions, execution providers that really run, threads, disk and known conflicts.
    """
    from nas_kd.cli import diagnosis

    with stdout_kept_clean():
        document = {"schema": SCHEMA, **diagnosis.examine()}
    if json:
        print_json(document)
    else:
        print_results(*_tables(document))
    if document["problems"]:
        raise typer.Exit(ExitCode.FAILURE)


def _tables(document: dict[str, Any]) -> list[Any]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    def table(title: str, rows: list[tuple[str, str]]) -> Table:
        made = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=False)
        for row in rows:
            made.add_row(*map(Text, row))
        return made

    threads, disk = document["threads"], document["disk"]
    machine = [
        ("python", document["python"]),
        ("system", document["system"]),
        ("threads", f"{threads['usable']} usable of {threads['cores']}"),
        ("disk", f"{disk['free_gb']:.1f} GB free at {disk['path']}"),
    ]
    providers = [
        (entry["name"], "works" if entry["works"] else entry["reason"])
        for entry in document["providers"]
    ]
    problems = document["problems"]
    return [
        table("Machine", machine),
        table("Versions", [(n, v or "not installed") for n, v in document["versions"].items()]),
        table("Execution providers of ONNX Runtime, tried", providers),
        Text.assemble(("Problems:", "bold red"), *(f"\n  {problem}" for problem in problems))
        if problems
        else Text("No known problems.", style="green"),
    ]
