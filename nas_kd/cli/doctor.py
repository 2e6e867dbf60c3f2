"""``nas-kd doctor``: what this machine can do, and what is known to go wrong on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import print_answer, stdout_kept_clean
from nas_kd.errors import ExitCode

SCHEMA = "nas-kd.doctor/1"


def doctor(json: options.Json = False) -> None:
    """Check this machine and its packages.

    Versions, execution providers that really run, threads, clocks, load, disk, known conflicts.
    """
    from nas_kd.cli import diagnosis

    with stdout_kept_clean():
        document = {"schema": SCHEMA, **diagnosis.examine()}
    print_answer(document, report, as_json=json)
    if document["problems"]:
        raise typer.Exit(ExitCode.FAILURE)


def report(document: Mapping[str, Any]) -> Iterator[Any]:
    """The examination as tables and lines."""
    from rich.text import Text

    yield _table("Machine", list(_machine(document)))
    yield _table("Versions", [(n, v or "not installed") for n, v in document["versions"].items()])
    yield _table(
        "Execution providers of ONNX Runtime, tried",
        [
            (entry["name"], "works" if entry["works"] else entry["reason"])
            for entry in document["providers"]
        ],
    )
    for title, style in (("warnings", "bold yellow"), ("problems", "bold red")):
        if found := document[title]:
            head = (f"{title.capitalize()}:", style)
            yield Text.assemble(head, *(f"\n  - {words}" for words in found))
    if not document["problems"]:
        yield Text("No known problems.", style="green")


def _machine(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    disk = document["disk"]
    yield "python", document["python"]
    yield "system", document["system"]
    yield "processor", document["cpu"]
    yield "threads", _threads(document["threads"])
    yield "clock", _clocks(document["clocks"])
    if document["load"]:
        yield "load average", " ".join(f"{value:g}" for value in document["load"])
    yield "disk", f"{disk['free_gb']:.1f} of {disk['total_gb']:.1f} GB free at {disk['path']}"


def _threads(threads: Mapping[str, Any]) -> str:
    text = f"{threads['usable']} of {threads['cores']} CPUs usable"
    if threads["quota"] is not None:
        text += f", limited to {threads['quota']:g}"
    return f"{text}; physical cores: {threads['physical']}; --threads all is {threads['all']}"


def _clocks(clocks: Mapping[str, Any]) -> str:
    known = [
        f"{clocks['clock_mhz']:.0f} MHz" if "clock_mhz" in clocks else "unknown",
        f"at most {clocks['max_clock_mhz']:.0f} MHz" if "max_clock_mhz" in clocks else "",
        f"governor {clocks['governor']}" if "governor" in clocks else "governor not readable",
        f"boost {'on' if clocks['boost'] else 'off'}" if "boost" in clocks else "",
    ]
    return ", ".join(part for part in known if part)


def _table(title: str, rows: Sequence[tuple[str, str]]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
