"""The interactive figures of a run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from nas_kd.report.figures import run_figures
from nas_kd.report.latency_figures import latency_figure, prediction_figure
from nas_kd.report.proxy_figure import agreement_figure, agreement_table
from tests.report.samples import measured_of


@pytest.fixture
def measured(table: pd.DataFrame, result: dict[str, Any]) -> pd.DataFrame:
    return measured_of(table, result)


class TestLatency:
    def test_points_have_their_intervals(
        self, measured: pd.DataFrame, result: dict[str, Any]
    ) -> None:
        figure = latency_figure(measured, result)
        assert figure is not None
        others, finalists, student = figure.data
        assert len(others.x) + len(finalists.x) == len(measured)
        assert len(finalists.x) == 3
        row = measured.set_index("latency_ms").loc[finalists.x[0]]
        assert finalists.y[0] == row["score"]
        assert finalists.x[0] + finalists.error_x.array[0] == pytest.approx(row["high_ms"])
        assert finalists.x[0] - finalists.error_x.arrayminus[0] == pytest.approx(row["low_ms"])
        assert student.name == "delivered student"
        assert student.x[0] == 0.1713
        assert student.error_x.array[0] == pytest.approx(0.1721 - 0.1713)

    def test_the_budget_is_a_line(self, measured: pd.DataFrame, result: dict[str, Any]) -> None:
        figure = latency_figure(measured, result)
        assert [shape.x0 for shape in figure.layout.shapes] == [result["budget"]["latency_ms"]]
        del result["budget"]["latency_ms"]
        assert not latency_figure(measured, result).layout.shapes

    def test_lost_intervals_and_an_unfinished_run(
        self, measured: pd.DataFrame, result: dict[str, Any]
    ) -> None:
        lost = measured.assign(low_ms=math.nan, high_ms=math.nan)
        unfinished = {**result, "student": None, "finalists": [], "budget": {"limits": []}}
        (only,) = latency_figure(lost, unfinished).data
        assert set(only.error_x.array) == set(only.error_x.arrayminus) == {0.0}
        assert all("interval" not in text for text in only.text)

    def test_names_are_escaped(self, measured: pd.DataFrame, result: dict[str, Any]) -> None:
        figure = latency_figure(measured.assign(label="<b>x</b>"), result)
        assert all("<b>" not in text for trace in figure.data for text in trace.text)

    def test_nothing_measured_no_figure(
        self, measured: pd.DataFrame, result: dict[str, Any]
    ) -> None:
        assert latency_figure(measured[:0], result) is None
        assert latency_figure(measured.assign(score=math.nan), result) is None


class TestPrediction:
    def test_candidates_that_the_predictor_knew_are_hollow(self, measured: pd.DataFrame) -> None:
        known = np.arange(len(measured)) < 2
        line, fresh, seen = prediction_figure(measured.assign(in_fit=known)).data
        assert list(line.x) == list(line.y)
        assert list(seen.x) == measured["latency_ms"][:2].tolist()
        assert list(fresh.y) == measured["predicted_ms"][2:].tolist()
        assert (seen.marker.symbol, fresh.marker.symbol) == ("circle-open", "circle")

    def test_no_predictions_no_figure(self, measured: pd.DataFrame) -> None:
        assert prediction_figure(measured.assign(predicted_ms=math.nan)) is None
        assert prediction_figure(measured[:0]) is None


class TestAgreement:
    def test_equals_scipy_over_the_distinct_scored_candidates(self, table: pd.DataFrame) -> None:
        scored = table[table["feasible"] & np.isfinite(table["diswot"])]
        noise = np.random.default_rng(3).normal(size=len(scored))
        frame = scored.assign(diswot=noise).drop_duplicates("key")
        repeated = pd.concat([frame, frame[:20], table[~table["feasible"]]])
        taus = agreement_table(repeated, ["diswot", "naswot"])
        assert list(taus.columns) == ["diswot", "naswot", "score", "macs", "params"]
        assert taus.attrs["candidates"] == len(frame)
        expected = kendalltau(frame["diswot"], frame["naswot"]).statistic
        assert taus.loc["diswot", "naswot"] == taus.loc["naswot", "diswot"]
        assert taus.loc["diswot", "naswot"] == pytest.approx(expected)
        assert taus.loc["naswot", "score"] == pytest.approx(1.0)
        assert abs(expected) < 0.3

    def test_no_value_ranks_last(self) -> None:
        frame = pd.DataFrame(
            {
                "key": list("abcd"), "score": [1.0, 2.0, 3.0, math.nan], "macs": [4, 3, 2, 1],
                "params": [1, 1, 1, 1], "p": [2.0, 3.0, 4.0, 1.0], "q": [1.0, 2.0, 3.0, -math.inf],
            }
        )  # fmt: skip
        taus = agreement_table(frame, ["p", "q"])
        assert taus.loc["p", "q"] == pytest.approx(1.0)
        assert taus.loc["p", "score"] == pytest.approx(1.0)
        assert math.isnan(taus.loc["p", "params"])
        (heat,) = agreement_figure(frame, ["p", "q"]).data
        assert heat.z[0][4] is None or math.isnan(heat.z[0][4])
        assert heat.text[0][4] == "-"

    def test_what_was_not_scored_is_left_out_where_a_cost_is_a_proxy(
        self, table: pd.DataFrame
    ) -> None:
        scored = table[table["feasible"]].drop_duplicates("key")
        for proxies in (["diswot", "macs"], ["macs", "params"]):
            taus = agreement_table(table, proxies)
            assert taus.attrs["candidates"] == len(scored.dropna(subset=["score"]))

    def test_many_candidates_are_thinned_evenly(self, table: pd.DataFrame) -> None:
        many = pd.concat([table] * 40, ignore_index=True)
        many["key"] = many.index.map(str)
        taus = agreement_table(many.assign(diswot=1.0 * many.index), ["diswot", "naswot"])
        assert 2_000 < taus.attrs["candidates"] <= 4_000

    @pytest.mark.parametrize("proxies", [["diswot"], ["diswot", "unknown"]])
    def test_a_single_proxy_stands_beside_the_sizes(
        self, table: pd.DataFrame, proxies: list[str]
    ) -> None:
        taus = agreement_table(table, proxies)
        assert list(taus.columns) == ["diswot", "macs", "params"]
        assert taus.equals(agreement_table(table, ["diswot", "naswot"]).loc[taus.index, taus.index])

    @pytest.mark.parametrize("proxies", [[], ["macs"], ["unknown"]])
    def test_without_a_proxy_that_looks_at_networks_no_figure(
        self, table: pd.DataFrame, proxies: list[str]
    ) -> None:
        assert agreement_figure(table, proxies) is None

    def test_too_few_candidates_no_figure(self, table: pd.DataFrame) -> None:
        scored = table[table["feasible"]].drop_duplicates("key")
        assert agreement_figure(scored[:2], ["diswot", "naswot"]) is None
        assert agreement_figure(pd.DataFrame(), ["diswot", "naswot"]) is None


class TestAll:
    def test_a_figure_without_data_is_left_out(
        self, table: pd.DataFrame, measured: pd.DataFrame, result: dict[str, Any]
    ) -> None:
        def names(*given: Any) -> list[str]:
            return [shown.name for shown in run_figures(*given)]

        everything = ["front", "latency", "prediction", "agreement"]
        assert names(table, measured, result) == everything
        assert names(table, measured[:0], result) == ["front", "agreement"]
        assert names(table, measured[:0], {**result, "proxies": ["macs"]}) == ["front"]
        assert names(pd.DataFrame(), measured[:0], result) == []
