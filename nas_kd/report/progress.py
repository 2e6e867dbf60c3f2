"""How far a running command is, kept in its run directory for whoever watches from outside."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

_STATE = "progress"


class KeepsStates(Protocol):
    """A run directory, of a search or a pre-training, as far as progress is kept in it."""

    def read_state(self, name: str) -> Mapping[str, Any] | None: ...

    def write_state(self, name: str, state: Mapping[str, Any]) -> None: ...

    def work(self, *parts: str) -> Path: ...


@dataclass(frozen=True)
class Progress:
    """One look at a running command.

    Attributes:
        phase: What it does.
        done: Steps of the phase that are over.
        total: Steps that the phase takes; None where that is not known.
        best: The best result so far, in words.
        rate_per_s: Steps a second since the phase began or was continued; None before two of them.
        seconds: How long the phase has been going on.
        host: Name of the machine.
        pid: Number of the process on it.
    """

    phase: str
    done: int = 0
    total: int | None = None
    best: str = ""
    rate_per_s: float | None = None
    seconds: float = 0.0
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)

    @property
    def seconds_left(self) -> float | None:
        """Until the phase is over, at the present rate; None where that cannot be told."""
        if self.total is None or not self.rate_per_s:
            return None
        return max(0, self.total - self.done) / self.rate_per_s

    @property
    def ended(self) -> bool:
        """Whether the process is known to be gone; processes of other machines are not known."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


def read_progress(run: KeepsStates) -> Progress | None:
    """What was kept last; None where nothing (readable) is."""
    state = run.read_state(_STATE)
    if not isinstance(state, Mapping):
        return None
    try:
        return _checked(state)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def progress_document(run: KeepsStates) -> dict[str, Any] | None:
    """What was kept last, as JSON values; see `progress_of`."""
    progress = read_progress(run)
    return None if progress is None else asdict(progress)


def write_progress(run: KeepsStates, progress: Progress) -> None:
    """Replaces what was kept before.

    Raises:
        OSError: The run directory cannot be written.
    """
    run.write_state(_STATE, asdict(progress))


def forget_progress(run: KeepsStates) -> None:
    """Removes what was kept: the command is over."""
    run.work(f"{_STATE}.json").unlink(missing_ok=True)


def progress_of(document: Mapping[str, Any]) -> Progress | None:
    """The progress in a run's document; None where no command is known to work on the run."""
    state = document.get("progress")
    return None if state is None else Progress(**state)


def was_left(earlier: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether the command that worked on the run when ``earlier`` was read is gone since."""
    progress = progress_of(document)
    if progress is None:
        return progress_of(earlier) is not None
    return progress.ended


def _checked(state: Mapping[str, Any]) -> Progress:
    total, rate = state["total"], state["rate_per_s"]
    pid = int(state["pid"])
    if pid < 1:
        raise ValueError(f"{pid} is not a process")
    return Progress(
        phase=str(state["phase"]),
        done=int(state["done"]),
        total=None if total is None else int(total),
        best=str(state["best"]),
        rate_per_s=None if rate is None else float(rate),
        seconds=float(state["seconds"]),
        host=str(state["host"]),
        pid=pid,
    )
