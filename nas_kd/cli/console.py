"""Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from nas_kd.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_WIDTH_OF_FILES = 140


def print_answer(
    document: dict[str, Any],
    shown: Callable[[dict[str, Any]], Iterable[RenderableType]],
    *,
    as_json: bool,
) -> None:
    """Prints the document on stdout: as JSON, or else what people are shown of it."""
    if as_json:
        print_json(document)
    else:
        print_results(*shown(document))


def print_json(document: Mapping[str, Any]) -> None:
    """Prints one JSON document on stdout; what is not a finite number becomes null."""
    sys.stdout.write(json.dumps(_plain(document), indent=2, default=str) + "\n")


def print_results(*parts: RenderableType) -> None:
    """Prints tables and lines on stdout; a line stays one, as it may be a command to copy."""
    console = _console(stderr=False)
    for part in parts:
        console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))


def note(message: str) -> None:
    """Says something on stderr that is not part of the result."""
    print(message, file=sys.stderr, flush=True)


def end_over_budget() -> NoReturn:
    """Ends the command, whose student was delivered and is too large or too slow."""
    note("nas-kd: the delivered student does not meet the budget (exit code 3).")
    raise typer.Exit(ExitCode.NO_FEASIBLE_STUDENT)


@contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """Sends what libraries print while they work to stderr."""
    with redirect_stdout(sys.stderr):
        yield


def quiet_libraries() -> None:
    """Keeps the warnings and logs of libraries off the terminal, in child processes too.

    Their progress bars are kept out of files: there, they are lines that hold nothing.
    """
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")


def progress_console() -> Console:
    """The console on stderr on which progress is drawn."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_FILES
    return console


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_plain(part) for part in value]
    return value
