"""What the dashboard is given beyond the trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import optuna_dashboard
import pytest

from nas_kd.report.dashboard import annotate_study
from studies.journal import open_storage
from studies.recipe import Recipe
from studies.run_directory import RunDirectory
from tests.report.samples import candidates, document


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory.create_or_continue(tmp_path / "run", Recipe())
    optuna.create_study(study_name=run.name, storage=open_storage(run.journal))
    table = candidates()
    run.write_result(document(table, run.path))
    measured = np.where(table["score"] > 0.5, table["macs"] / 1e7, np.nan)
    table = table.assign(latency_ms=measured, predicted_latency_ms=table["macs"] / 1.1e7)
    table.to_csv(run.candidates_csv, index=False)
    return run


def _figures(run: RunDirectory) -> dict[str, Any]:
    from optuna_dashboard._custom_plot_data import get_plotly_graph_objects

    storage = open_storage(run.journal)
    (study,) = storage.get_all_studies()
    return get_plotly_graph_objects(storage.get_study_system_attrs(study._study_id))


def test_the_study_has_the_note_and_every_figure(run: RunDirectory) -> None:
    annotate_study(run)
    study = optuna.load_study(study_name=None, storage=open_storage(run.journal))
    assert "98.33 %" in optuna_dashboard.get_note(study)
    figures = _figures(run)
    assert set(figures) == {
        "nas-kd-front", "nas-kd-latency", "nas-kd-prediction", "nas-kd-agreement",
    }  # fmt: skip
    assert "Measured latency against score" in figures["nas-kd-latency"]


def test_a_second_call_writes_nothing(run: RunDirectory) -> None:
    annotate_study(run)
    once = run.journal.read_bytes()
    annotate_study(run)
    assert run.journal.read_bytes() == once


def test_a_run_without_candidates_has_the_note_alone(run: RunDirectory) -> None:
    run.candidates_csv.unlink()
    annotate_study(run)
    assert _figures(run) == {}
