"""From arguments to an exit code: every failure becomes one message on stderr."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from nas_kd.cli.app import app
from nas_kd.cli.console import quiet_libraries
from nas_kd.errors import ExitCode, NasKdError
from nas_kd.url_password import hidden_password

PROGRAM = "nas-kd"
_DEBUG = "--debug"
_CONTINUES = ("search", "distill", "pretrain")
_SPACE = "What was done is kept: free some space, then the same command continues."
_PERMISSION = "Make it readable and writable, or name another place; what was done is kept."
_REMEDIES = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EROFS: _PERMISSION,
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
}
_MEMORY = (
    "Take smaller batches (distill.batch_size and search.images in a recipe, batch_size of a "
    "pre-training), smaller images (--image-size) or smaller students (--space-option). What was "
    "done is kept: with another distill.batch_size a search goes on from there."
)
# Typer brings a Click of its own or uses the installed one, by version: this is the right one's.
_SyntaxError: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError"
)


def run_command(arguments: Sequence[str]) -> int:
    """Runs one command line. ``--debug`` may stand anywhere in it."""
    debug = _DEBUG in arguments
    words = [word for word in arguments if word != _DEBUG]
    if not debug:
        quiet_libraries()
    try:
        code = get_command(app).main(words or ["--help"], prog_name=PROGRAM, standalone_mode=False)
        if code == ExitCode.INTERRUPTED:
            return _interrupted(words)
        return int(code or ExitCode.DONE) if words else ExitCode.USAGE
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else ExitCode.FAILURE
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(words)
    except BrokenPipeError:
        # The reader of our output (`| head`) has gone: nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.FAILURE
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _failed(error)


@contextmanager
def keeping_traceback(log: Path) -> Iterator[None]:
    """Appends the traceback of an unforeseen error to ``log``, if that file is there.

    Raises:
        NasKdError: In place of an error of the file system that the user can mend.
    """
    try:
        yield
    except NasKdError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _REMEDIES:
            raise NasKdError(_what_to_do(error, log.parent)) from error
        if log.is_file():
            with suppress(OSError):
                with log.open("a", encoding="utf-8") as file:
                    traceback.print_exc(file=file)
                error.add_note(f"The traceback is in {log}.")
        raise


def _interrupted(words: Sequence[str]) -> int:
    if words and words[0] in _CONTINUES:
        command = shlex.join(map(hidden_password, [PROGRAM, *words]))
        _say(f"{PROGRAM}: interrupted; what was done is kept. Continue with: {command}")
    else:
        _say(f"{PROGRAM}: interrupted.")
    return ExitCode.INTERRUPTED


def _failed(error: Exception) -> int:
    message, code = _explain(error)
    _say(f"{PROGRAM}: error: {message}")
    return code


def _explain(error: Exception) -> tuple[str, int]:
    if isinstance(error, NasKdError):
        return str(error), error.exit_code
    if isinstance(error, _SyntaxError):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else PROGRAM
        message = error.format_message().strip()
        stop = "" if message.endswith((".", "?", "!")) else "."
        return f"{message}{stop} Try: {command} --help", ExitCode.USAGE
    if isinstance(error, OSError) and error.errno in _REMEDIES:
        return _what_to_do(error, None), ExitCode.FAILURE
    if _is_out_of_memory(error):
        reason = str(error).strip().partition("\n")[0].removesuffix(".")
        return f"out of memory ({reason or type(error).__name__}). {_MEMORY}", ExitCode.FAILURE
    notes = " ".join(getattr(error, "__notes__", [])) or f"Run it again with {_DEBUG} for more."
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}. {notes}", ExitCode.FAILURE
    return f"unexpected {type(error).__name__}: {error}. {notes}", ExitCode.FAILURE


def _is_out_of_memory(error: Exception) -> bool:
    """On the CPU or, as torch's error of that name, on a GPU."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and (type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error))
    )


def _what_to_do(error: OSError, folder: Path | None) -> str:
    """The message for a full or closed disk; where no file is named, ``folder`` is where it was."""
    where = f": {error.filename or folder}" if error.filename or folder else ""
    return f"{error.strerror}{where}. {_REMEDIES[error.errno or 0]}"


def _say(line: str) -> None:
    print(line, file=sys.stderr)
