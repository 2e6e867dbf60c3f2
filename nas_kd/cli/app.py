"""The command and its verbs."""

from __future__ import annotations

from typing import Annotated

import typer

from nas_kd import __version__
from nas_kd.cli.dashboard import dashboard
from nas_kd.cli.distill import distill
from nas_kd.cli.doctor import doctor
from nas_kd.cli.export import export
from nas_kd.cli.listing import list_components
from nas_kd.cli.measure import measure
from nas_kd.cli.pretrain import pretrain
from nas_kd.cli.profile import profile
from nas_kd.cli.rank import rank
from nas_kd.cli.search import search
from nas_kd.cli.show import show

app = typer.Typer(
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nas-kd {__version__}")
        raise typer.Exit


@app.callback()
def nas_kd(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and the libraries' warnings.")
    ] = False,
) -> None:
    """From a trained teacher and a budget to the best small student, as a checked ONNX file.

    Exit codes: 0 done and budget met, 1 failure, 2 usage or configuration, 3 no feasible student,
    4 device or provider not available, 5 export or parity failed, 130 interrupted.
    """


app.command("search")(search)
app.command("profile")(profile)
app.command("measure")(measure)
app.command("export")(export)
app.command("distill")(distill)
app.command("pretrain")(pretrain)
app.command("show")(show)
app.command("list")(list_components)
app.command("rank")(rank)
app.command("dashboard")(dashboard)
app.command("doctor")(doctor)
