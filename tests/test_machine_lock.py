"""Latency is measured by one process, while nobody computes."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from nas_kd import file_lock
from nas_kd.errors import NasKdError
from nas_kd.folder_lock import made_and_locked, working_alone
from nas_kd.machine_lock import lock_file, machine_alone, machine_shared


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_many_compute_at_once() -> None:
    with machine_shared(), machine_shared():
        pass


def test_who_measures_waits_for_who_computes_and_goes_before_who_comes_later() -> None:
    order: list[str] = []
    waiting = threading.Event()

    def measure() -> None:
        waiting.set()
        with machine_alone():
            order.append("measured")
            time.sleep(0.05)
            order.append("done measuring")

    def compute_later() -> None:
        with machine_shared():
            order.append("computes later")

    with machine_shared():
        measuring = threading.Thread(target=measure)
        measuring.start()
        waiting.wait()
        time.sleep(0.1)
        later = threading.Thread(target=compute_later)
        later.start()
        time.sleep(0.1)
        order.append("done computing")
    measuring.join()
    later.join()
    assert order == ["done computing", "measured", "done measuring", "computes later"]


def test_a_process_that_was_forked_meanwhile_does_not_hold_on_to_it() -> None:
    with machine_shared():
        child = _sleeping_child()
    try:
        with lock_file("machine").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert child.is_alive()
    finally:
        child.kill()
        child.join()


def test_nor_does_it_to_the_folder_of_a_run(tmp_path: Path) -> None:
    with working_alone(tmp_path):
        child = _sleeping_child()
    try:
        with working_alone(tmp_path):
            assert child.is_alive()
    finally:
        child.kill()
        child.join()


def test_a_folder_that_cannot_be_locked_is_not_called_busy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(NasKdError, match="No locks available"), made_and_locked(tmp_path / "run"):
        pass


def _sleeping_child() -> BaseProcess:
    child = get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
    child.start()
    return child


def test_a_folder_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    somebody = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody)
    with pytest.raises(NasKdError, match="belongs to another user"), machine_shared():
        pass


def test_who_waits_for_long_says_so_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(file_lock, "PATIENCE_SECONDS", 0.05)
    file_lock._say_once.cache_clear()

    def compute() -> None:
        with machine_shared():
            pass

    for _ in range(2):
        with machine_alone():
            waiting = threading.Thread(target=compute)
            waiting.start()
            time.sleep(0.3)
        waiting.join()
    with machine_shared():
        pass
    (line,) = capsys.readouterr().err.splitlines()
    assert "that measures latency" in line
