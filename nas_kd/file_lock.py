"""Locks between processes that are waited for, and say so where the wait is long."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Timer
from typing import IO

PATIENCE_SECONDS = 5.0
"""Whoever waits longer says for what."""


@contextmanager
def locked(file: Path, *, exclusive: bool, waiting: str) -> Iterator[None]:
    """Holds the lock of ``file``, alone or with others that share it.

    It ends with the context, also where a process that was forked meanwhile lives on.

    Args:
        file: Made if need be; its folder has to exist.
        exclusive: Whether nobody else may hold it meanwhile.
        waiting: What a process says on stderr, once, where it has to wait for long.

    Raises:
        OSError: The file cannot be written, or its file system has no locks.
    """
    import fcntl

    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            with _told_where_late(waiting):
                fcntl.flock(handle, kind)
        with unlocked_at_the_end(handle):
            yield


@contextmanager
def unlocked_at_the_end(handle: IO[str]) -> Iterator[None]:
    """Gives the lock of an open file back, also where a process that was forked meanwhile has it.

    Closing the file alone would leave the lock to that process.
    """
    import fcntl

    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)


@contextmanager
def _told_where_late(message: str) -> Iterator[None]:
    timer = Timer(PATIENCE_SECONDS, _say_once, [message])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@cache
def _say_once(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
