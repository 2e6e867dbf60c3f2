"""Worker processes: the same result as one process, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas_kd.errors import UsageError
from search_spaces import Arch, create_space
from studies.evaluator import Evaluator
from studies.workers import Answer, LocalCrew, WorkerProcesses
from tests.studies.digits_search import SPACE, evaluation, recipe, rows, search


@pytest.fixture
def workers() -> Iterator[WorkerProcesses]:
    workers = WorkerProcesses(evaluation(recipe()), 2)
    yield workers
    workers.close()


def _archs(count: int) -> list[Arch]:
    space = create_space("nasbench201", **SPACE)
    return list(dict.fromkeys(space.canonical(space.arch_at(7 * n)) for n in range(count)))


def test_two_workers_find_what_one_process_finds(tmp_path: Path) -> None:
    alone = search(recipe(), tmp_path / "alone")
    both = search(recipe(**{"search.workers": 2}), tmp_path / "both")
    assert rows(both) == rows(alone)
    assert both.front == alone.front


def test_a_killed_worker_is_replaced_and_loses_nothing(workers: WorkerProcesses) -> None:
    evaluator, notes = evaluation(recipe()).evaluator(), []
    crew = LocalCrew(workers, evaluator, notes.append)
    archs = _archs(12)
    crew.expect(archs[:5])
    found = [crew.evaluate(arch) for arch in archs[:5]]
    killed = workers.pids[0]
    os.kill(killed, signal.SIGKILL)
    crew.expect(archs[5:])
    found += [crew.evaluate(arch) for arch in archs[5:]]
    own = evaluation(recipe()).evaluator()
    assert found == [own.evaluate(arch) for arch in archs]
    for arch in archs[:2]:  # the other one may have done all that was left before the death showed
        workers.submit(arch)
    assert killed not in workers.pids
    assert len(workers.pids) == 2


class _Deadly:
    """Workers that die over one arch, always."""

    def __init__(self, evaluator: Evaluator, deadly: Arch) -> None:
        self._evaluator, self._deadly = evaluator, deadly
        self.free = 1
        self.given: list[Arch] = []

    def submit(self, arch: Arch) -> None:
        self.free = 0
        self.given.append(arch)

    def answers(self, timeout_s: float) -> list[Answer]:
        self.free = 1
        arch = self.given[-1]
        return [Answer(arch, None if arch == self._deadly else self._evaluator.evaluate(arch))]

    def close(self) -> None: ...


def test_what_ends_two_workers_is_recorded_without_a_score() -> None:
    evaluator, notes = evaluation(recipe()).evaluator(), []
    archs = [a for a in _archs(30) if evaluator.within_budget(a)][:3]
    deadly = _Deadly(evaluation(recipe()).evaluator(), archs[1])
    crew = LocalCrew(deadly, evaluator, notes.append)
    crew.expect(archs)
    found = [crew.evaluate(arch) for arch in archs]
    assert deadly.given.count(archs[1]) == 2
    assert found[1].degenerate
    assert found[1].macs == evaluator.without_score(archs[1]).macs
    assert not found[0].degenerate
    assert "Two workers died" in notes[-1]


def test_workers_end_when_their_parent_is_killed() -> None:
    code = (
        "from tests.studies.test_workers import _archs;"
        "from tests.studies.digits_search import evaluation, recipe;"
        "from studies.workers import WorkerProcesses, LocalCrew;"
        "import time\n"
        "if __name__ == '__main__':\n"
        "    e = evaluation(recipe()); w = WorkerProcesses(e, 2)\n"
        "    crew = LocalCrew(w, e.evaluator(), print); archs = _archs(12)\n"
        "    crew.expect(archs); [crew.evaluate(a) for a in archs]\n"
        "    print(*w.pids, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while any(map(_is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) == 2
    assert not any(map(_is_alive, pids))


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_cannot_go_to_another_process_is_said(tmp_path: Path) -> None:
    from dataclasses import replace

    stuck = WorkerProcesses(replace(evaluation(recipe()), teacher=lambda: None), 2)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--workers 1"):
        stuck.submit(_archs(1)[0])
    stuck.close()
