"""The errors a user can meet, each with the exit code that `nas-kd` ends with.

Every message says what went wrong, why, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What `nas-kd` returns to the shell. The numbers are part of the public interface."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    NO_FEASIBLE_STUDENT = 3
    DEVICE_UNAVAILABLE = 4
    EXPORT_FAILED = 5
    INTERRUPTED = 130


class NasKdError(Exception):
    """A failure with a message for the user; anything else that escapes is a bug of ours.

    Args:
        reason: What went wrong, and why; and what to do, where nobody goes on after it.
        advice: What to do, which is left out where others do instead of what failed.

    Attributes:
        reason: As given.
    """

    exit_code: ExitCode = ExitCode.FAILURE

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(f"{reason} {advice}".rstrip())
        self.reason = reason


class UsageError(NasKdError, ValueError):
    """A wrong name, option, recipe, file or data set: the user can mend it and try again."""

    exit_code = ExitCode.USAGE


class NotFiniteError(NasKdError):
    """The loss of a training is no longer a finite number.

    Attributes:
        losses: Names of the losses, where a training has several.
    """

    def __init__(self, reason: str, advice: str = "", *, losses: Sequence[str] = ()) -> None:
        super().__init__(reason, advice)
        self.losses = tuple(losses)


class NoFeasibleStudentError(NasKdError):
    """The search ended and no student of the space meets the budget."""

    exit_code = ExitCode.NO_FEASIBLE_STUDENT


class DeviceUnavailableError(NasKdError):
    """The device or ONNX Runtime execution provider asked for cannot run here."""

    exit_code = ExitCode.DEVICE_UNAVAILABLE


class ExportError(NasKdError):
    """The ONNX file could not be written, or it does not compute what the module computes."""

    exit_code = ExitCode.EXPORT_FAILED


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its type's name where it has none: what a message of
    ours quotes of a library's."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
