"""A budget that leaves a search little to choose from is told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas_kd.costs import Budget, DeviceProfile, Limits
from search_spaces import Task, create_space
from studies import pipeline
from studies.counted_sample import counted_sample, share_within, warning_before_a_search
from studies.observer import SilentObserver
from studies.recipe import Recipe
from studies.setting import Setting

CELLS = create_space("nasbench201", channels=4, cells_per_stage=1)
DIGITS = Task(1, 8, 10)


def test_the_share_of_a_sample_within_the_limits() -> None:
    sample = counted_sample(CELLS, DIGITS, seed=0)
    assert [one.macs for one in sample] == sorted(one.macs for one in sample)
    assert len({one.key for one in sample}) == len(sample)
    median = sample[len(sample) // 2].macs
    assert share_within(sample, Limits({"macs": median})) == pytest.approx(0.5, abs=0.05)


def test_little_choice_is_told_of_where_a_count_is_limited() -> None:
    told = warning_before_a_search(CELLS, DIGITS, Limits({"params": 5000}), seed=0)
    assert told is not None
    assert "--space-option" in told
    assert "channels=16, cells_per_stage=5, stem_stride=1" in told
    assert warning_before_a_search(CELLS, DIGITS, Limits({"params": 1e6}), seed=0) is None
    assert warning_before_a_search(CELLS, DIGITS, Limits({"latency_ms": 1e-9}), seed=0) is None


def test_where_nothing_is_within_none_is_said() -> None:
    told = warning_before_a_search(CELLS, DIGITS, Limits({"macs": 1}), seed=0)
    assert told is not None
    assert told.startswith("WARNING: none of ")
    assert "%" not in told


def test_a_search_tells_of_it_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Notes(SilentObserver):
        def note(self, message: str) -> None:
            told.append(message)

    told: list[str] = []
    nothing: Any = None
    budget = Budget.parse("params=5k")
    setting = Setting(
        nothing, nothing, {}, tmp_path, CELLS, DIGITS, budget, budget.limits({}), DeviceProfile()
    )
    monkeypatch.setattr(pipeline, "prepare", lambda *given: setting)
    with pytest.raises(AttributeError, match="probe_batch"):  # there are no images to go on with
        pipeline.run_search(Recipe(), tmp_path / "run", observer=Notes())
    assert any("little to choose from" in line for line in told)
