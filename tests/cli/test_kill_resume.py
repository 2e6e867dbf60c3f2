"""A real ``nas-kd search``, killed with SIGKILL twice, ends as the uninterrupted one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kill_resume import kill
from benchmarks.small_search import SmallSearch, differences


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallSearch:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return SmallSearch(tmp_path, "nsga2", trials=24, batch=8, predicted=0)


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.is_file() else 0


def test_two_kills_change_nothing_and_nothing_is_scored_twice(search: SmallSearch) -> None:
    search.finish("whole")
    scores = Path("work", "scores.log")
    for enough in (5, _lines(search.directory("whole").scores) - 3):
        killed = kill(search, "killed", lambda run, n=enough: _lines(run / scores) >= n)
        assert killed["killed"]
        assert search.kept("killed")
        before, kept = search.scorings("killed"), search.kept("killed")
    search.finish("killed")
    again = search.scorings("killed") - before
    assert again <= search.kept("killed") - kept, (
        "a candidate was scored although its score was kept"
    )
    assert search.kept("killed") == search.kept("whole") == search.scorings("whole")
    assert differences(search.directory("killed"), search.directory("whole")) == []
