"""One command at a time in a run directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas_kd.errors import UsageError
from nas_kd.file_lock import unlocked_at_the_end


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
        except OSError as error:
            raise UsageError(
                f"run directory: another nas-kd command is working on {folder}. "
                "Wait for it, or name another --run-dir."
            ) from error
        with unlocked_at_the_end(handle):
            yield
