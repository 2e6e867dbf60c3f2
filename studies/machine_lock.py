"""One lock for a user's searches on one machine: who measures latency is alone, others share.

The lock lies in the machine's own folder for running programs, never in a home directory that
several hosts may share. Containers see each other's lock only where they share that folder.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nas_kd.errors import NasKdError


@contextmanager
def machine_shared() -> Iterator[None]:
    """Held while a candidate is scored: begins no sooner than a running measurement has ended."""
    with ExitStack() as held:
        with _locked("gate", exclusive=False):
            held.enter_context(_locked("machine", exclusive=False))
        yield


@contextmanager
def machine_alone() -> Iterator[None]:
    """Held while latency is measured, and while something is made that all runs of a user share.

    Waits for those that compute, and lets no other one begin.
    """
    with _locked("gate", exclusive=True), _locked("machine", exclusive=True):
        yield


@contextmanager
def _locked(name: str, *, exclusive: bool) -> Iterator[None]:
    import fcntl

    with _lock_file(name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield


def _lock_file(name: str) -> Path:
    """The lock's file in a folder of this user's.

    Raises:
        NasKdError: The folder cannot be made, or belongs to somebody else.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime) if runtime and Path(runtime).is_dir() else Path(tempfile.gettempdir())
    folder = base / f"nas-kd-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        mine = folder.stat(follow_symlinks=False).st_uid == os.getuid()
    except OSError as error:
        raise NasKdError(
            f"lock: {folder} cannot be used ({error.strerror}). It keeps searches from computing "
            "while latency is measured: make it writable, or set TMPDIR to another folder."
        ) from error
    if not mine:
        raise NasKdError(
            f"lock: {folder} belongs to another user. Remove it, or set TMPDIR to another folder."
        )
    return folder / f"{name}.lock"
