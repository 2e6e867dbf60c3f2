"""Students that hold a latency limit, in the order of their ranks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from transformers import PreTrainedModel

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.errors import NoFeasibleStudentError
from nas_kd.export.token_models import export_tokens
from nas_kd.training.superlm import RankedStudent, text_task_of
from search_spaces import TransformerSpace, create_space, teacher_options
from search_spaces.language_models import head_of
from search_spaces.supernets import SuperLM
from studies.observer import SilentObserver
from studies.supernets import latency_limit
from studies.supernets.latency_limit import best_first
from studies.supernets.superlm import TextLatencyLimit
from studies.timing import Timing
from tests.studies.measurements import LATENCY
from tests.training.language_models import narrow_heads, small_bert, small_llama, small_space

SPACE = small_space()
TASK = text_task_of(small_bert().config, 12)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Latency is the number of parameters, in millions of milliseconds: what was measured."""
    found: list[int] = []

    def timed(
        file: Path, whole: Path, costs: Mapping[str, float], budget: Budget, profile: DeviceProfile
    ) -> Timing:
        taken, of_whole = (_elements(path) for path in (file, whole))
        found.append(taken)
        record = replace(LATENCY, median_ms=float(taken), ci95_ms=(float(taken), float(taken)))
        return Timing(record, budget.limits({"latency_ms": of_whole}).values["latency_ms"])

    monkeypatch.setattr(latency_limit, "time_beside", timed)
    return found


@pytest.mark.parametrize("model", [small_llama(tie_word_embeddings=False), small_llama().model])
def test_what_is_measured_is_what_is_delivered(
    measured: list[int], tmp_path: Path, model: PreTrainedModel
) -> None:
    space = create_space("autodistil-decoder", **teacher_options(model.config))
    assert isinstance(space, TransformerSpace)
    smallest = space.anchors()[1]
    task = text_task_of(model.config, 12, head_of(model))
    budget = Budget.parse("latency=100%")
    limit = TextLatencyLimit(
        space, model, task, budget, DeviceProfile(), 0.0, tmp_path, "of a Llama"
    )
    list(limit.fast_enough([RankedStudent(smallest, 0.0, 0, 0)], SilentObserver()))
    student = SuperLM(model, space).extract(smallest)
    assert measured == [_elements(export_tokens(student, 12, tmp_path / "delivered.onnx"))]


def _elements(path: Path) -> int:
    graph = onnx.load(str(path)).graph
    return sum(len(tensor.raw_data) for tensor in graph.initializer)


def _limit(budget: str, folder: Path, of: str = "these") -> TextLatencyLimit:
    parsed = Budget.parse(budget)
    return TextLatencyLimit(SPACE, small_bert(), TASK, parsed, DeviceProfile(), 0.0, folder, of)


def _ranked() -> list[RankedStudent]:
    """The largest first, some of every size."""
    sizes = {arch: SPACE.sizes(arch, TASK) for arch in SPACE.enumerate()}
    ordered = sorted(sizes, key=lambda arch: -sizes[arch].params)
    return [RankedStudent(a, 0.0, sizes[a].params, sizes[a].macs) for a in ordered[::6]]


def _first(count: int, ranked: list[RankedStudent], limit: TextLatencyLimit) -> list[RankedStudent]:
    return best_first(ranked, limit, SilentObserver())(count)


def test_the_first_that_are_fast_enough(measured: list[int], tmp_path: Path) -> None:
    ranked = _ranked()
    (largest,) = _first(1, ranked, _limit("latency=100%", tmp_path))
    assert largest == ranked[0]
    share = 0.7 * measured.pop() / _elements(tmp_path / "teacher.onnx")
    limit = _limit(f"latency={100 * share}%", tmp_path)
    found = _first(2, ranked, limit)
    places = [ranked.index(student) for student in found]
    assert len(found) == 2
    assert 0 < places[0] < places[1]
    most = share * _elements(tmp_path / "teacher.onnx")
    assert [taken <= most for taken in measured].count(True) == 2
    assert measured[-1] <= most < measured[0]
    hand_out = best_first(ranked, limit, SilentObserver())
    assert [*hand_out(1), *hand_out(1)] == found


def test_what_is_larger_than_a_slow_one_is_not_measured(
    measured: list[int], tmp_path: Path
) -> None:
    smallest_first = _ranked()[::-1]
    smallest_first.insert(0, RankedStudent(SPACE.anchors()[1], 0.0, 0, 0))
    with pytest.raises(NoFeasibleStudentError, match=r"none of the 1 students .* 12 tokens"):
        _first(1, smallest_first, _limit("latency=0.001ms", tmp_path))
    assert len(measured) == 1


def test_what_was_measured_is_not_measured_again(measured: list[int], tmp_path: Path) -> None:
    ranked = _ranked()[:3]
    found = _first(1, ranked, _limit("latency=50%", tmp_path))
    times = len(measured)
    again = _first(1, ranked, _limit("latency=50%", tmp_path))
    assert (again, len(measured)) == (found, times)
    _first(1, ranked, _limit("latency=50%", tmp_path, "others"))
    assert len(measured) > times


def test_the_same_genes_are_measured_anew_where_they_stand_for_other_sizes(
    measured: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranked = _ranked()[:1]
    _first(1, ranked, _limit("latency=100%", tmp_path))
    _first(1, ranked, _limit("latency=100%", tmp_path))
    assert len(measured) == 1
    narrow_heads(monkeypatch)
    _first(1, ranked, _limit("latency=100%", tmp_path))
    assert len(measured) == 2
    assert measured[1] < measured[0]


def test_after_many_slow_ones_smaller_ones_are_tried(
    measured: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency_limit, "PATIENCE", 2)
    ranked = _ranked()
    smallest = ranked[-1]
    taken = _elements(export_tokens(SPACE.build(smallest.arch, TASK), 12, tmp_path / "one.onnx"))
    limit = _limit(f"latency={taken}ms", tmp_path)
    assert _first(1, ranked, limit) == [smallest]
    assert len(measured) < len(ranked)
    with pytest.raises(NoFeasibleStudentError, match="down to the smallest"):
        _first(1, ranked, _limit(f"latency={taken - 1}ms", tmp_path))
    assert measured[-1] == taken
