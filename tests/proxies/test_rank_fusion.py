"""Ranks in a history that grows."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from nas_kd.errors import UsageError
from proxies import RankFusion, log_rank_fusion

NAMES = ["a", "b"]
VALUES = st.one_of(st.integers(-2, 2).map(float), st.sampled_from([math.nan, math.inf, -math.inf]))
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_at_every_moment_the_scores_are_those_of_the_whole_history(
    rows: list[dict[str, float]],
) -> None:
    logs, means = RankFusion(NAMES), RankFusion(NAMES, "mean-rank")
    for number, row in enumerate(rows, start=1):
        logs.add(row)
        means.add(row)
        frame = pd.DataFrame(rows[:number])
        expected = log_rank_fusion(frame)
        assert [logs.score(one) for one in rows[:number]] == pytest.approx(list(expected))
        finite = frame.where(frame.map(math.isfinite), -math.inf)
        ranks = rankdata(finite, axis=0).mean(axis=1) / number
        assert [means.score(one) for one in rows[:number]] == pytest.approx(list(ranks))
        for fusion in (logs, means):
            assert fusion.least < min(fusion.score(one) for one in rows[:number])


def test_a_student_without_a_value_in_one_proxy_is_last_in_that_one_alone() -> None:
    fusion = RankFusion(NAMES)
    rows = [{"a": -math.inf, "b": 9.0}, {"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 0.0}]
    for row in rows:
        fusion.add(row)
    assert fusion.score(rows[0]) == pytest.approx(math.log(1 / 3))
    assert fusion.score(rows[0]) > fusion.score({"a": -math.inf, "b": -math.inf})


def test_others_are_ranked_between_those_of_the_history() -> None:
    fusion = RankFusion(["a"], "mean-rank")
    assert fusion.score({"a": 3.0}) > 0
    for value in (1.0, 2.0):
        fusion.add({"a": value, "ignored": 0.0})
    assert len(fusion) == 2
    assert [fusion.score({"a": v}) for v in (0.0, 1.0, 1.5, 2.0, 3.0)] == [0.25, 0.5, 0.75, 1, 1.25]


def test_wrong_names_are_explained() -> None:
    with pytest.raises(UsageError, match="at least one"):
        RankFusion([])
    with pytest.raises(UsageError, match=r"no fusion 'median'.*log-rank, mean-rank"):
        RankFusion(NAMES, "median")
    for ask in (RankFusion(NAMES).add, RankFusion(NAMES).score):
        with pytest.raises(UsageError, match="lacks a score for b"):
            ask({"a": 1.0})
