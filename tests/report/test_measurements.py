"""Measured latencies, read from what the run keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nas_kd.report.measurements import COLUMNS, read_measurements
from studies.recipe import Recipe
from studies.run_directory import RunDirectory, state_name
from tests.report.samples import document


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create_or_continue(tmp_path / "run", Recipe())


def keep(run: RunDirectory, key: str, median: float, folder: str = "latency") -> None:
    latency = {"median_ms": median, "ci95_ms": [median - 0.01, median + 0.02]}
    state = {"latency": latency, "violation": -0.1}
    run.write_state(f"{folder}/{state_name(key)}", state)


def test_medians_and_intervals_are_found(run: RunDirectory, table: pd.DataFrame) -> None:
    keys = table["key"].unique()[:3]
    for number, key in enumerate(keys):
        keep(run, key, 0.1 * (number + 1))
    keep(run, keys[1], 0.5, folder="latency-fit")
    keep(run, "of another run", 0.7)
    measured = read_measurements(run, table, document(table))
    assert list(measured["key"]) == list(keys)
    np.testing.assert_allclose(measured["latency_ms"], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(measured["low_ms"], [0.09, 0.19, 0.29])
    np.testing.assert_allclose(measured["high_ms"], [0.12, 0.22, 0.32])
    assert list(measured["in_fit"]) == [False, True, False]
    assert measured["predicted_ms"].isna().all()


def test_damaged_measurements_are_left_out(run: RunDirectory, table: pd.DataFrame) -> None:
    first, second, third, fourth = table["key"].unique()[:4]
    keep(run, first, 0.1)
    for key, state in ((second, "{"), (third, '{"latency": 3}'), (fourth, "[]")):
        run.work("latency", f"{state_name(key)}.json").write_text(state)
    assert list(read_measurements(run, table, document(table))["key"]) == [first]


def test_without_the_states_the_medians_of_the_table_are_left(
    run: RunDirectory, table: pd.DataFrame
) -> None:
    medians = np.where(table["key"] == table["key"][5], 0.25, np.nan)
    known = table.assign(latency_ms=medians, predicted_latency_ms=0.3)
    measured = read_measurements(run, known, document(table))
    assert measured[["latency_ms", "predicted_ms"]].to_numpy().tolist() == [[0.25, 0.3]]
    assert measured["low_ms"].isna().all()


def test_a_run_without_candidates_has_none(run: RunDirectory, table: pd.DataFrame) -> None:
    measured = read_measurements(run, pd.DataFrame(), document(table))
    assert list(measured.columns) == [*COLUMNS, "in_fit"]
    assert measured.empty
