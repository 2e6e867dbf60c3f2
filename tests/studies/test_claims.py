"""A directory without trials belongs to what it was begun for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas_kd.errors import UsageError
from studies.claims import claim
from studies.run_directory import LESSON, SUPERNET_SEARCH, RunDirectory

JOB: dict[str, Any] = {"budget": ["macs=50%"], "seed": 0, "tokens": None}
WORK = ("training.pt", "students/*")


def _claim(run: RunDirectory, **changes: Any) -> None:
    claim(run, SUPERNET_SEARCH, {**JOB, **changes}, WORK)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A new one, claimed for `JOB`."""
    run = RunDirectory(tmp_path / "run")
    _claim(run)
    return run


@pytest.mark.parametrize("work", ["training.pt", "students/1"])
def test_work_keeps_others_out(run: RunDirectory, work: str) -> None:
    (run.path / work).mkdir(parents=True)
    run.write_result({"students": []})
    with pytest.raises(UsageError, match=r"another search \(seed, tokens changed\)"):
        _claim(run, seed=1, tokens=32)
    assert run.read_state(SUPERNET_SEARCH) == JOB
    _claim(run)
    assert run.read_result() == {"students": []}


def test_what_the_other_job_had_beside_keeps_it_out(run: RunDirectory) -> None:
    _claim(run, checkpoint="weights.pt")
    (run.path / "training.pt").touch()
    with pytest.raises(UsageError, match=r"another search \(checkpoint changed\)"):
        _claim(run)


def test_before_any_work_another_job_may_have_it(run: RunDirectory) -> None:
    run.write_result({"students": []})
    _claim(run, seed=1)
    assert run.read_state(SUPERNET_SEARCH) == {**JOB, "seed": 1}
    assert run.read_result() is None


def test_another_kind_is_kept_out(run: RunDirectory) -> None:
    with pytest.raises(UsageError, match=r"another kind \(supernet-search\)"):
        claim(run, LESSON, JOB, WORK)
