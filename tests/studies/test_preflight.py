"""What is wrong with a recipe is known before anything is loaded, measured or searched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas_kd.errors import UsageError
from studies import measuring, setting
from studies.observer import SilentObserver
from studies.pipeline import run_search
from studies.ranking.bench import prepare_bench
from studies.recipe_files import parse_recipe
from tests.studies.measurements import LATENCY

JOB: dict[str, Any] = {
    "teacher": {"source": "tests.cli.own_code:make_teacher"},
    "space": {"options": {"channels": 4, "cells_per_stage": 1}},
    "search": {"trials": 2},
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"distill": {"ce_weight": 0, "distillers": {}}}, "nothing to learn from"),
        ({"search": {"proxies": ["naswott"]}}, "naswott"),
        ({"data": {"source": "folder:"}}, "say where it lies"),
        ({"data": {"source": "npz:x?chanels=1"}}, "chanels"),
        ({"teacher": {"source": "timm:"}}, "names no model"),
        ({"teacher": {"checkpoint": __file__}}, "digits-cnn is trained on the spot.*--teacher"),
        ({"space": {"name": "darts"}, "search": {"sampler": "exhaustive"}}, "too many to go"),
    ],
)
def test_a_search_in_python_is_checked_before_it_begins(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        run_search(parse_recipe(JOB | changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_ranking_takes_no_checkpoint_that_it_would_not_read() -> None:
    with pytest.raises(UsageError, match="digits-cnn is trained on the spot"):
        prepare_bench(parse_recipe({"teacher": {"checkpoint": __file__}}), [], SilentObserver())


def test_proxies_that_the_space_cannot_have_are_refused_before_students_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("students are measured")

    monkeypatch.setattr(measuring, "measure_many", never)
    monkeypatch.setattr(setting, "measure_latency", lambda *_: LATENCY)
    search = {"search": {"trials": 2, "proxies": ["dss"]}, "budget": {"limits": ["latency=90%"]}}
    with pytest.raises(UsageError, match="attention"):
        run_search(parse_recipe(JOB | search), tmp_path / "run")
