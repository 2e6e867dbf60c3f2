"""Networks of an elastic supernet that hold a latency limit."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from nas_kd.costs import Budget, DeviceProfile, LatencyRecord
from nas_kd.errors import NoFeasibleStudentError
from nas_kd.export import load_student
from search_spaces import Arch
from studies.observer import SilentObserver
from studies.supernets import latency_limit
from studies.supernets.elastic import ImageLatencyLimit, RankedNetwork, Source
from studies.supernets.elastic_search import ElasticSearch, search_elastic
from studies.timing import Timing
from tests.studies.measurements import LATENCY, files_take
from tests.studies.supernets.elastic.runs import untrained

PROFILE = DeviceProfile("cpu", threads=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("run"))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Latency in milliseconds is the number of bytes of the weights: what was measured."""
    found: list[int] = []

    def timed(
        file: Path, whole: Path, costs: Mapping[str, float], budget: Budget, profile: DeviceProfile
    ) -> Timing:
        found.append(_bytes(file))
        taken = float(found[-1])
        record = replace(LATENCY, median_ms=taken, ci95_ms=(taken, taken))
        limits = budget.limits({**costs, "latency_ms": float(_bytes(whole))})
        return Timing(record, limits.values["latency_ms"])

    monkeypatch.setattr(latency_limit, "time_beside", timed)
    return found


def _bytes(path: Path) -> int:
    return sum(len(tensor.raw_data) for tensor in onnx.load(str(path)).graph.initializer)


def _search(run: Path, budget: str, folder: Path) -> dict[str, Any]:
    search = ElasticSearch(Budget.parse(budget), PROFILE, latency_margin=0.0)
    return search_elastic(run, search, folder, SilentObserver())


def test_after_a_search_that_failed_the_next_measures_its_own_networks(
    run: Path, tmp_path: Path, measured: list[int]
) -> None:
    with pytest.raises(NoFeasibleStudentError, match="networks that were measured, down to"):
        _search(run, "latency=1us", tmp_path)
    loose = f"macs=99%,latency={2 * max(measured)}ms"
    measured.clear()
    found = _search(run, loose, tmp_path)
    (student,) = found["students"]
    assert measured == [_bytes(Path(student["onnx"]))] * 2
    assert found["feasible"] == 3


def test_a_limit_that_only_the_smallest_holds_is_held_by_it(
    run: Path, tmp_path: Path, measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reached however many come first."""
    with pytest.raises(NoFeasibleStudentError):
        _search(run, "latency=1us", tmp_path / "none")
    least = min(measured)
    assert measured[-1] == least
    monkeypatch.setattr(latency_limit, "PATIENCE", 1)
    found = _search(run, f"latency={least}ms", tmp_path)
    (student,) = found["students"]
    assert _bytes(Path(student["onnx"])) == least


def test_what_was_measured_is_not_measured_again(
    run: Path, tmp_path: Path, measured: list[int]
) -> None:
    for _ in range(2):
        with pytest.raises(NoFeasibleStudentError):
            _search(run, "latency=1us", tmp_path)
    assert len(measured) == len(set(measured))


def test_what_contains_a_slow_one_is_not_measured(
    run: Path, tmp_path: Path, measured: list[int]
) -> None:
    source = Source(run)
    limit = ImageLatencyLimit(source, Budget.parse("latency=1us"), PROFILE, 0.0, tmp_path)
    smallest_first = [RankedNetwork(arch, 1.0, 1, 1) for arch in source.supernet.space.enumerate()]
    assert smallest_first[0].arch == source.supernet.space.smallest
    with pytest.raises(NoFeasibleStudentError, match="none of the 1 networks"):
        list(limit.fast_enough(smallest_first, SilentObserver()))
    assert len(measured) == 1


def test_a_disturbed_measurement_does_not_speak_against_a_network(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a call it is measured again, and by the next call where it stays disturbed."""
    slow = replace(LATENCY, median_ms=9.0, ci95_ms=(9.0, 9.0))
    busy = replace(slow, flags=("busy",))
    fast = replace(LATENCY, median_ms=1.0, ci95_ms=(1.0, 1.0))
    source = Source(run)
    network = RankedNetwork(source.supernet.space.smallest, 1.0, 1, 1)

    def found(*records: LatencyRecord) -> list[RankedNetwork]:
        waiting = iter(records)
        monkeypatch.setattr(
            latency_limit, "time_beside", lambda *given: Timing(next(waiting), limit_ms=2.0)
        )
        limit = ImageLatencyLimit(source, Budget.parse("latency=2ms"), PROFILE, 0.0, tmp_path)
        networks = list(limit.fast_enough([network], SilentObserver()))
        assert next(waiting, None) is None
        return networks

    with pytest.raises(NoFeasibleStudentError):
        found(busy, busy, busy)
    assert found(busy, fast) == [network]
    assert found() == [network]


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[float]], None]:
    """Untrained files take 1 ms, and the delivered ones, one after the other, what is given."""

    def take(milliseconds: list[float]) -> None:
        timed = files_take(milliseconds, "student.onnx")
        monkeypatch.setattr(latency_limit, "time_beside", timed)

    return take


def test_a_delivered_file_that_misses_makes_way_for_the_next(
    run: Path, tmp_path: Path, delivered: Callable[[list[float]], None]
) -> None:
    delivered([5.0, 1.0])
    (student,) = _search(run, "latency=2ms", tmp_path)["students"]
    assert student["budget_met"]
    assert student["arch"] == _ranked_archs(tmp_path)[1]
    assert [path.name for path in (tmp_path / "students").iterdir()] == ["1"]


def test_where_all_delivered_files_miss_the_fastest_is_delivered(
    run: Path, tmp_path: Path, delivered: Callable[[list[float]], None]
) -> None:
    delivered([5.0, 4.0, 6.0])
    (student,) = _search(run, "latency=2ms", tmp_path)["students"]
    assert (student["budget_met"], student["latency_ms"]["median"]) == (False, 4.0)
    assert student["arch"] == _ranked_archs(tmp_path)[1]
    assert load_student(tmp_path / "students" / "1").arch == Arch(student["arch"])


def test_a_delivered_file_is_measured_until_its_limit_is_decided(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = ImageLatencyLimit(Source(run), Budget.parse("latency=2ms"), PROFILE, 0.0, tmp_path)
    wide, busy = replace(LATENCY, ci95_ms=(1.0, 3.0)), replace(LATENCY, flags=("busy",))
    fast = replace(LATENCY, ci95_ms=(1.0, 1.5))
    waiting = iter([Timing(wide, 2.0), Timing(busy, 5.0), Timing(fast, 2.0)])
    monkeypatch.setattr(latency_limit, "time_beside", lambda *given: next(waiting))
    assert limit.judged(tmp_path / "student.onnx").latency is fast


def _ranked_archs(folder: Path) -> list[dict[str, Any]]:
    with (folder / "ranking.csv").open() as file:
        return [json.loads(row["arch"]) for row in csv.DictReader(file)]


def test_where_none_holds_the_margin_those_that_hold_the_limit_are_taken(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    observer = SilentObserver()
    monkeypatch.setattr(observer, "note", said.append)
    source = Source(run)
    archs = list(source.supernet.space.enumerate())[::-1][:3]
    ranked = [RankedNetwork(arch, 1.0, 1, 1) for arch in archs]
    takes = iter([2.1, 1.99, 1.98])
    monkeypatch.setattr(
        latency_limit,
        "time_beside",
        lambda *given: Timing(replace(LATENCY, ci95_ms=(taken := next(takes), taken)), 2.0),
    )
    limit = ImageLatencyLimit(source, Budget.parse("latency=2ms"), PROFILE, 0.05, tmp_path)
    monkeypatch.setattr(limit, "contains", lambda one, other: False)
    assert list(limit.fast_enough(ranked, observer)) == ranked[1:]
    (told,) = said
    assert "None of the 3 measured is below the latency limit by the margin of 5%" in told
