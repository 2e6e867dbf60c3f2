"""How many students of an elastic supernet are delivered under a latency limit."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from search_spaces import Arch
from studies.elastic import RankedNetwork, deliver_in_time
from studies.observer import SilentObserver

RANKING = [RankedNetwork(Arch({"depth": depth}), 1.0, 1, 1) for depth in range(6)]


class _Listener(SilentObserver):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def _delivered(students: Path, met: list[bool], count: int, observer: _Listener) -> list[Any]:
    """What is told where these delivered files, one after the other, hold the limit or not."""
    limit: Any = SimpleNamespace(in_time=lambda ranking, observer: iter(ranking))
    waiting = iter(met)

    def deliver(network: RankedNetwork, directory: Path) -> dict[str, Any]:
        directory.mkdir(parents=True, exist_ok=True)
        return {
            "description": str(network.arch["depth"]),
            "latency_ms": {"median": 1.0, "ci95": (1.0, 1.0)},
            "budget_met": next(waiting),
        }

    ranking = RANKING[: len(met)]
    return deliver_in_time(ranking, count, limit, students, deliver, observer)


def test_fewer_students_than_wanted_are_told_of_and_no_earlier_ones_stay(tmp_path: Path) -> None:
    for name in ("1", "2", "3", "3.damaged"):
        (tmp_path / name).mkdir()
    observer = _Listener()
    found = _delivered(tmp_path, [True, False, False, False], 3, observer)
    assert [student["description"] for student in found] == ["0"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "3.damaged"]
    assert [note.endswith("for the next network.") for note in observer.notes[:3]] == [1, 1, 0]
    assert observer.notes[3] == (
        "1 of 3 students hold the limit: 3 files missed it. Raise it for more."
    )


def test_where_no_other_network_holds_the_limit_that_is_told(tmp_path: Path) -> None:
    observer = _Listener()
    assert len(_delivered(tmp_path, [True, True], 3, observer)) == 2
    assert observer.notes == [
        "2 of 3 students hold the limit: no other network holds it. Raise it for more."
    ]


def test_as_many_as_wanted_are_delivered_without_a_word(tmp_path: Path) -> None:
    observer = _Listener()
    assert len(_delivered(tmp_path, [True, True, True], 2, observer)) == 2
    assert observer.notes == []
