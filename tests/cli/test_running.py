"""From exceptions to exit codes and messages."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from nas_kd.cli.running import keeping_traceback
from nas_kd.errors import (
    DeviceUnavailableError,
    ExportError,
    NasKdError,
    NoFeasibleStudentError,
    UsageError,
)
from studies.recipe import Recipe
from studies.run_directory import RunDirectory
from tests.cli.conftest import Command


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return RunDirectory.create_or_continue(tmp_path / "runs" / "digits", Recipe()).path


def _raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(RunDirectory, "open", fail)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NasKdError("no"), 1),
        (UsageError("no"), 2),
        (NoFeasibleStudentError("no"), 3),
        (DeviceUnavailableError("no"), 4),
        (ExportError("no"), 5),
    ],
)
def test_each_error_has_its_code_and_one_line(
    nas_kd: Command, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    _raising(monkeypatch, error)
    outcome = nas_kd("show", "x", "--json")
    assert (outcome.code, outcome.out, outcome.err) == (code, "", "nas-kd: error: no\n")


def test_unforeseen_errors_show_a_traceback_only_on_demand(
    nas_kd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    _raising(monkeypatch, ZeroDivisionError("division by zero"))
    quiet = nas_kd("show", "x")
    assert quiet.code == 1
    assert "unexpected ZeroDivisionError: division by zero" in quiet.err
    assert "--debug" in quiet.err
    assert "Traceback" not in quiet.err
    loud = nas_kd("show", "x", "--debug")
    assert loud.code == 1
    assert "Traceback" in loud.err


def test_the_traceback_is_kept_in_the_run(run: Path) -> None:
    log = run / "nas-kd.log"
    with pytest.raises(ZeroDivisionError) as caught, keeping_traceback(log):
        _ = 1 // 0
    assert "ZeroDivisionError" in log.read_text()
    assert str(log) in caught.value.__notes__[0]


def test_expected_errors_leave_no_traceback(run: Path) -> None:
    log = run / "nas-kd.log"
    with pytest.raises(UsageError), keeping_traceback(log):
        raise UsageError("no")
    assert log.read_text() == ""


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "Make it readable and writable")],
)
def test_a_full_or_closed_disk_is_one_message_with_what_to_do(
    nas_kd: Command, monkeypatch: pytest.MonkeyPatch, run: Path, number: int, words: str
) -> None:
    error = OSError(number, os.strerror(number), "runs/x/journal.log")
    with (
        pytest.raises(NasKdError, match="hat was done is kept") as caught,
        keeping_traceback(run / "nas-kd.log"),
    ):
        raise error
    assert (run / "nas-kd.log").read_text() == ""
    _raising(monkeypatch, error)
    outcome = nas_kd("show", "x")
    message = f"{os.strerror(number)}: runs/x/journal.log. "
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == f"nas-kd: error: {caught.value}\n"
    assert message in outcome.err
    assert words in outcome.err


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"
        ),
        MemoryError(),
    ],
)
def test_too_little_memory_is_one_message_with_what_to_do(
    nas_kd: Command, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    _raising(monkeypatch, error)
    outcome = nas_kd("show", "x")
    assert outcome.code == 1
    assert "out of memory (" in outcome.err
    assert "distill.batch_size" in outcome.err
    assert outcome.err.count("\n") == 1


def test_ctrl_c_names_the_command_that_continues(
    nas_kd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nas_kd.cli.search.resolve_recipe", interrupt)
    outcome = nas_kd("search", "--run-dir", "runs/my run")
    assert outcome.code == 130
    assert "Continue with: nas-kd search --run-dir 'runs/my run'" in outcome.err


def test_json_is_one_document_on_stdout(nas_kd: Command, run: Path) -> None:
    outcome = nas_kd("show", run, "--json")
    assert outcome.code == 0
    document = json.loads(outcome.out)
    assert document["schema"] == "nas-kd.search/1"
    assert (document["evaluated"], document["student"]) == (0, None)


def test_without_arguments_the_help_is_shown(nas_kd: Command) -> None:
    outcome = nas_kd()
    assert outcome.code == 2
    assert "Usage: nas-kd" in outcome.out


def test_version(nas_kd: Command) -> None:
    from nas_kd import __version__

    assert nas_kd("--version").out == f"nas-kd {__version__}\n"
