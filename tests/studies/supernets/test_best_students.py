"""Which students are delivered where files miss their limit."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import pytest

from nas_kd.errors import ExportError, NotFiniteError
from studies.observer import SilentObserver
from studies.supernets.best_students import deliver_best


class _Listener(SilentObserver):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


class _Students:
    """Candidates by the latency in ms of their files, where 2 are allowed."""

    def __init__(self, folder: Path, *latencies: float) -> None:
        self.folder = folder
        self.waiting = list(enumerate(latencies))
        self.batches: list[int] = []
        self.observer = _Listener()

    def more(self, count: int) -> Sequence[tuple[int, float]]:
        batch, self.waiting = self.waiting[:count], self.waiting[count:]
        self.batches.append(len(batch))
        return batch

    def deliver(self, candidate: tuple[int, float], directory: Path) -> dict[str, Any]:
        number, taken = candidate
        assert list(directory.iterdir()) == []
        (directory / "student.onnx").write_text(str(number))
        return {
            "description": str(number),
            "loss": -number,
            "latency_ms": {"median": taken, "ci95": (taken, taken)},
            "budget_met": taken <= 2,
        }

    def delivered(self, count: int, by: str = "", fails: Set[int] = frozenset()) -> list[str]:
        """The files of the students, by their ranks; all of them, best first, where ``by`` is
        not told."""

        def deliver(candidate: tuple[int, float], directory: Path) -> dict[str, Any]:
            if candidate[0] in fails:
                raise ExportError(f"{candidate[0]} computes something else.", "Give up.")
            return self.deliver(candidate, directory)

        found = deliver_best(
            self.more,
            count,
            deliver,
            lambda student: float(student.get(by, 0)),
            self.folder,
            self.observer,
        )
        places = [self.folder / "students" / str(rank) for rank in range(1, len(found) + 1)]
        assert [student["directory"] for student in found] == [str(place) for place in places]
        files = [Path(student["onnx"]).read_text() for student in found]
        assert [student["description"] for student in found] == files
        return files


def test_a_file_that_misses_makes_way_for_the_next(tmp_path: Path) -> None:
    students = _Students(tmp_path, 1, 3, 1, 3, 1)
    assert students.delivered(3) == ["0", "2", "4"]
    assert students.batches == [3, 1, 1]
    assert [note[:30] for note in students.observer.notes] == [
        "The file of 1 takes 3 ms, with",
        "The file of 3 takes 3 ms, with",
    ]


def test_the_best_gets_the_first_number_whenever_it_came(tmp_path: Path) -> None:
    assert _Students(tmp_path, 1, 3, 1).delivered(2, by="loss") == ["2", "0"]


def test_where_all_miss_the_fastest_is_delivered(tmp_path: Path) -> None:
    students = _Students(tmp_path, 5, 4, 6, 3)
    assert students.delivered(1) == ["1"]
    assert students.batches == [1, 1, 1]
    assert students.observer.notes[-2:] == [
        "0 of 1 students can be delivered: 3 files missed the limit.",
        "No file holds the limit: the fastest is delivered.",
    ]


def test_no_candidate_of_a_batch_is_left_out_and_earlier_students_do_not_stay(
    tmp_path: Path,
) -> None:
    for name in ("1", "2", "3", "3.damaged"):
        (tmp_path / "students" / name).mkdir(parents=True)
    students = _Students(tmp_path, 3, 3, 3, 1, 1)
    assert students.delivered(4) == ["3"]
    assert sorted(path.name for path in (tmp_path / "students").iterdir()) == ["1", "3.damaged"]
    assert students.observer.notes[-1] == (
        "1 of 4 students can be delivered: 3 files missed the limit."
    )


def test_where_no_other_network_holds_the_limit_that_is_told(tmp_path: Path) -> None:
    students = _Students(tmp_path, 1, 1)
    assert students.delivered(3) == ["0", "1"]
    assert students.observer.notes == ["2 of 3 students can be delivered: there are no more."]


def test_one_whose_export_fails_makes_way_too(tmp_path: Path) -> None:
    students = _Students(tmp_path, 1, 1, 1)
    assert students.delivered(2, fails={0}) == ["1", "2"]
    assert students.observer.notes == [
        "A student failed and makes way for the next. 0 computes something else."
    ]
    with pytest.raises(ExportError, match=r"1 computes something else\. Give up\."):
        _Students(tmp_path, 1, 1).delivered(1, fails={0, 1})


def test_where_none_of_the_next_can_be_had_those_after_them_are_asked_for(tmp_path: Path) -> None:
    students = _Students(tmp_path, 1, 1, 1, 1, 1, 1)
    hand_out, asked = students.more, list[int]()

    def more(count: int) -> Sequence[tuple[int, float]]:
        batch = hand_out(count)
        asked.append(count)
        if len(asked) != 2:
            raise NotFiniteError(f"the loss of {batch[0][0]} is not finite.", "Give up.")
        return batch[:1]  # of the other likewise

    students.more = more  # type: ignore[method-assign]
    assert students.delivered(2) == ["2"]
    assert asked == [2, 2, 1, 1]
    told = "A student failed and makes way for the next. the loss of"
    assert students.observer.notes == [
        f"{told} 0 is not finite.",
        f"{told} 4 is not finite.",
        f"{told} 5 is not finite.",
        "1 of 2 students can be delivered: too many failed.",
    ]


def test_as_many_as_wanted_are_delivered_without_a_word(tmp_path: Path) -> None:
    students = _Students(tmp_path, 1, 1, 1)
    assert students.delivered(2) == ["0", "1"]
    assert students.observer.notes == []


def test_an_interrupted_call_leaves_earlier_students(tmp_path: Path) -> None:
    assert _Students(tmp_path, 1, 1).delivered(2) == ["0", "1"]
    later = _Students(tmp_path, 1, 1, 1)
    later.more(1)

    def interrupted(candidate: tuple[int, float], directory: Path) -> dict[str, Any]:
        if candidate[0] == 2:
            raise KeyboardInterrupt
        return later.deliver(candidate, directory)

    with pytest.raises(KeyboardInterrupt):
        deliver_best(later.more, 2, interrupted, lambda student: 0.0, tmp_path, later.observer)
    left = [(tmp_path / "students" / rank / "student.onnx").read_text() for rank in "12"]
    assert left == ["0", "1"]
    assert _Students(tmp_path, 1).delivered(1) == ["0"]
