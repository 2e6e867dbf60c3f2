"""A study on a real PostgreSQL server whose processes are killed.

The long form is ``python -m benchmarks.postgresql_workers``.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from benchmarks.postgresql_server import postgresql_binaries, postgresql_server
from studies.shared import open_shared_storage
from studies.trials import candidate_of
from tests.studies.digits_search import STUDY, recipe, rows, search

TRIALS = 60
PEERS = 3
KILL_AFTER = (6, 25)
"""Finished trials after which a process is killed."""

pytestmark = pytest.mark.skipif(
    postgresql_binaries() is None, reason="there is no PostgreSQL server here (initdb, postgres)"
)


@pytest.fixture
def url() -> Iterator[str]:
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install '.[postgresql]'")
    with postgresql_server() as url:
        yield url


def test_killed_processes_lose_and_double_nothing(url: str, tmp_path: Path) -> None:
    peers = [_start(tmp_path / f"host-{n}", url) for n in range(PEERS)]
    try:
        for victim, finished in enumerate(KILL_AFTER):
            _wait_for(url, finished)
            peers[victim].send_signal(signal.SIGKILL)
            peers[victim].wait()
            peers[victim] = _start(tmp_path / f"host-{victim}", url)
        said = [peer.communicate(timeout=200)[0] for peer in peers]
    finally:
        for peer in peers:
            peer.kill()
    assert [peer.returncode for peer in peers] == [0] * PEERS
    assert sum("finishes" in words for words in said) == 1

    alone = search(recipe(TRIALS), tmp_path / "alone")
    storage = open_shared_storage(url)
    study = optuna.load_study(study_name=STUDY, storage=storage)
    found = [(t.number, candidate_of(t), tuple(t.values)) for t in study.trials]
    assert found == [row[:3] for row in rows(alone)]
    assert {candidate_of(t).key for t in study.best_trials} == {c.key for c in alone.front}
    work = optuna.load_study(study_name=f"{STUDY}.work", storage=storage)
    handed_out = [t for t in work.trials if "arch" in t.user_attrs]
    ends = Counter(t.state for t in handed_out)
    done = [str(t.user_attrs["arch"]) for t in handed_out if t.state == TrialState.COMPLETE]
    assert set(ends) <= {TrialState.COMPLETE, TrialState.FAIL}
    assert len(done) == len(set(done)) == len(alone.unique)


def _start(path: Path, url: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.studies.digits_search", str(path), str(TRIALS), url]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def _wait_for(url: str, finished: int) -> None:
    """Until so many candidates have been evaluated."""
    deadline = time.monotonic() + 150
    storage = open_shared_storage(url)
    while time.monotonic() < deadline:
        if f"{STUDY}.work" in optuna.get_all_study_names(storage):
            work = optuna.load_study(study_name=f"{STUDY}.work", storage=storage)
            done = work.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if len(done) >= finished:
                return
        time.sleep(0.1)
    raise AssertionError(f"no {finished} candidates were evaluated in time")
