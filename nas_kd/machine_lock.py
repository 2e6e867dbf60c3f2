"""One lock for a user's commands on one machine: who measures latency is alone, others share.

The lock lies in the machine's own folder for running programs, never in a home directory that
several hosts may share. Containers see each other's lock only where they share that folder.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from nas_kd.errors import NasKdError
from nas_kd.file_lock import locked

_FOR_MEASURING = "Waiting for another nas-kd command on this machine that measures latency ..."
_FOR_COMPUTING = (
    "Waiting until the other nas-kd commands on this machine pause, so that they do not disturb "
    "the measurement ..."
)


@contextmanager
def machine_shared() -> Iterator[None]:
    """Held while something is computed: begins no sooner than a running measurement has ended.

    For pieces of work such as the score of a candidate or an epoch: a measurement waits for one.
    Neither this nor `machine_alone` may be asked for by who holds it already.
    """
    with ExitStack() as held:
        with _locked("gate", exclusive=False, waiting=_FOR_MEASURING):
            held.enter_context(_locked("machine", exclusive=False, waiting=_FOR_MEASURING))
        yield


@contextmanager
def machine_alone() -> Iterator[None]:
    """Held while latency is measured: waits for those that compute, and lets no other one begin."""
    with (
        _locked("gate", exclusive=True, waiting=_FOR_MEASURING),
        _locked("machine", exclusive=True, waiting=_FOR_COMPUTING),
    ):
        yield


def _locked(name: str, *, exclusive: bool, waiting: str) -> AbstractContextManager[None]:
    return locked(lock_file(name), exclusive=exclusive, waiting=waiting)


def lock_file(name: str) -> Path:
    """Where a lock of this name lies, in a folder of this user's on this machine.

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
            f"lock: {folder} cannot be used ({error.strerror}). It keeps commands from computing "
            "while latency is measured: make it writable, or set TMPDIR to another folder."
        ) from error
    if not mine:
        raise NasKdError(
            f"lock: {folder} belongs to another user. Remove it, or set TMPDIR to another folder."
        )
    return folder / f"{name}.lock"
