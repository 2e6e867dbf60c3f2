"""``nas-kd dashboard``: Optuna's dashboard on a run."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import note
from nas_kd.errors import NasKdError, UsageError

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

    from nas_kd.training.pretraining import PretrainingFolder
    from studies.run_directory import RunDirectory


def dashboard(
    run: options.Run,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
) -> None:
    """Open Optuna's dashboard on a search or a pre-training; Ctrl-C ends it."""
    from nas_kd.training.pretraining import PretrainingFolder
    from studies.run_directory import RunDirectory

    folder = PretrainingFolder.open(run)
    if kind := RunDirectory(run).kind_without_trials():
        raise UsageError(
            f"dashboard: {run} holds a {kind}, which has no trials. "
            f"`nas-kd show {shlex.quote(str(run))}` shows what it found."
        )
    opened = RunDirectory.open(run) if folder is None else folder
    server = make_dashboard_server(opened, host, port)
    address = f"http://{host}:{server.server_port}"
    note(f"Dashboard of {run}: {address} (Ctrl-C ends it)")
    if not no_browser:
        import webbrowser

        webbrowser.open(address)
    server.serve_forever()


def make_dashboard_server(
    run: RunDirectory | PretrainingFolder, host: str, port: int
) -> WSGIServer:
    """A server bound to ``host:port`` that serves the run's study once it is told to.

    Raises:
        UsageError: The run has no trials or units yet.
        NasKdError: The run cannot be read, the port is taken, or the host is not this machine.
    """
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    class SilentHandler(WSGIRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:
            """Requests are not worth a line."""

    application = _application(run)
    try:
        return make_server(host, port, application, Server, SilentHandler)
    except (OSError, OverflowError) as error:
        raise NasKdError(
            f"dashboard: {host}:{port} cannot be used ({error}). Name another --port."
        ) from error


def _application(run: RunDirectory | PretrainingFolder) -> Any:
    from nas_kd.report.dashboard.application import dashboard_application, pretraining_application
    from studies.run_directory import RunDirectory

    if not isinstance(run, RunDirectory):
        return pretraining_application(run)
    if not run.journal.is_file():
        raise UsageError(
            f"dashboard: {run.path} has no trials yet ({run.journal.name} is missing). "
            "Start the search first."
        )
    return dashboard_application(run)
