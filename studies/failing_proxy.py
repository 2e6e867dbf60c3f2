"""Which proxy failed: no error that its own code raises says so."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nas_kd.errors import NasKdError
from proxies import Proxy
from search_spaces import Arch

_LIBRARIES = ("torch", "numpy", "scipy")
"""Their lines say nothing about where the mistake is."""
_CALL = Proxy.__call__.__code__


@contextmanager
def failing_proxy_named(arch: Arch) -> Iterator[None]:
    """Says which proxy failed, on which student and where, when one does inside the block.

    Args:
        arch: The student that is scored.

    Raises:
        NasKdError: In place of what the code of a proxy raised, an exit of Python included. What
            is ours already, and what was raised outside any proxy, is left as it is.
    """
    try:
        yield
    except NasKdError:
        raise
    except (Exception, SystemExit) as error:
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        calls = [place for place, frame in enumerate(frames) if frame.f_code is _CALL]
        if not calls:
            raise
        last = calls[-1]
        name = frames[last].f_locals["self"].name
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise NasKdError(
            f"proxy {name!r} has no score for {arch.key} ({text}). "
            f"{_advice(error, frames[last + 1 :])}"
        ) from error


def _advice(error: BaseException, inside: list[FrameType]) -> str:
    """What to do about it.

    Args:
        error: What was raised.
        inside: The frames of the proxy's own function and of what it called.
    """
    if not inside:
        return (
            "Its function takes the probe of the student and that of the teacher or None, and "
            "returns one number."
        )
    lines = [
        f"{frame.f_code.co_filename}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame in inside and _package(frame) not in _LIBRARIES
    ]
    return f"It comes from {lines[-1]}: mend that, or leave the proxy out."


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
