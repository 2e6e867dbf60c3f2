"""A run directory: made where it is not there, and one command at a time in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas_kd.errors import NasKdError, UsageError
from nas_kd.file_lock import unlocked_at_the_end


@contextmanager
def made_and_locked(folder: Path) -> Iterator[None]:
    """Makes ``folder`` and works in it alone, for what every run writes at its beginning.

    Raises:
        UsageError: A file stands in its place, or another command is at work there.
        NasKdError: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with working_alone(folder):
            yield
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"run directory: {folder} cannot be one, as a file stands in its place or above it. "
            "Name another --run-dir."
        ) from error
    except OSError as error:
        raise NasKdError(
            f"run directory: {folder} cannot be written ({error.strerror}). "
            "Make it writable and free some space, or name another one with --run-dir."
        ) from error


@contextmanager
def working_alone(folder: Path) -> Iterator[None]:
    """Keeps a second command off ``folder`` while this one works in it.

    Raises:
        UsageError: Another command is at work there.
        OSError: The folder cannot be written.
    """
    import fcntl

    with (folder / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"run directory: another nas-kd command is working on {folder}. "
                "Wait for it, or name another --run-dir."
            ) from error
        with unlocked_at_the_end(handle):
            yield
