from __future__ import annotations

import logging
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nas_kd.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command line returned and printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


def children_seconds() -> float:
    """Processor seconds of all ended child processes: unlike the clock, deaf to a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(autouse=True)
def _library_noise_restored() -> Iterator[None]:
    """Commands silence libraries for their process; a test process lives on."""
    environment = dict(os.environ)
    yield
    logging.disable(logging.NOTSET)
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture
def nas_kd(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    """Runs ``nas-kd`` in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAS_KD_CACHE", str(tmp_path / "cache"))

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Outcome(int(code), printed.out, printed.err)

    return run
