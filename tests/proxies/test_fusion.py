"""Fusing proxies into one score."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_kd.errors import UsageError
from proxies import ReferenceFusion, log_rank_fusion

GENERATOR = np.random.default_rng(0)
REFERENCE = pd.DataFrame(
    {
        "naswot": GENERATOR.normal(1000, 40, 200),
        "diswot": -np.exp(GENERATOR.normal(-2, 1, 200)),
        "params": GENERATOR.choice([1e5, 2e5, 4e5], 200),
        "constant": np.full(200, 0.1),
    }
)
TYPICAL = {"naswot": 1000.0, "diswot": -0.13, "params": 2e5, "constant": 0.1}


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(sorted(TYPICAL)),
    value=st.floats(-1e12, 1e12),
    step=st.floats(0.01, 1e6),
)
def test_every_proxy_raises_the_score(name: str, value: float, step: float) -> None:
    fusion = ReferenceFusion(REFERENCE)
    lower, higher = value, value + abs(value) * 1e-6 + step
    assert fusion.score({**TYPICAL, name: lower}) < fusion.score({**TYPICAL, name: higher})


def test_proxies_count_alike_whatever_their_units() -> None:
    rows = [dict(zip(REFERENCE.columns, row, strict=True)) for row in REFERENCE.to_numpy()]
    scaled = REFERENCE.assign(naswot=REFERENCE["naswot"] * 1e6 - 3)
    for row in rows[:20]:
        other = {**row, "naswot": row["naswot"] * 1e6 - 3}
        expected = ReferenceFusion(REFERENCE).score(row)
        assert ReferenceFusion(scaled).score(other) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_middle_of_the_reference_is_zero_and_constants_add_nothing() -> None:
    fusion = ReferenceFusion(REFERENCE)
    middle = {str(name): float(REFERENCE[name].median()) for name in REFERENCE}
    assert fusion.score(middle) == pytest.approx(0, abs=1e-12)
    assert fusion.score({**middle, "ignored": 5.0}) == fusion.score(middle)


@pytest.mark.parametrize("value", [1.7e308, -1.7e308, 0.0, 5e-324])
def test_extreme_values_stay_finite(value: float) -> None:
    fusion = ReferenceFusion(REFERENCE)
    assert math.isfinite(fusion.score({**TYPICAL, "diswot": value, "naswot": -value}))


@pytest.mark.parametrize("value", [-math.inf, math.inf, math.nan])
def test_missing_values_rank_last_and_do_not_set_the_scale(value: float) -> None:
    spoilt = pd.concat([REFERENCE, pd.DataFrame([dict.fromkeys(REFERENCE, value)])])
    fusion = ReferenceFusion(spoilt)
    assert fusion.score(TYPICAL) == ReferenceFusion(REFERENCE).score(TYPICAL)
    assert fusion.score({**TYPICAL, "diswot": value}) == -math.inf


def test_a_reference_of_one_row_or_without_values_still_scores() -> None:
    for frame in (REFERENCE.iloc[:1], REFERENCE.assign(naswot=-np.inf), REFERENCE.iloc[:0]):
        fusion = ReferenceFusion(frame)
        assert math.isfinite(fusion.score(TYPICAL))
        assert fusion.score({**TYPICAL, "naswot": 2000.0}) > fusion.score(TYPICAL)


def test_bad_frames_and_rows_are_explained() -> None:
    with pytest.raises(UsageError, match="at least one"):
        ReferenceFusion(pd.DataFrame())
    with pytest.raises(UsageError, match="lacks a score for params"):
        ReferenceFusion(REFERENCE).score({k: v for k, v in TYPICAL.items() if k != "params"})


def test_log_ranks_are_those_of_az_nas() -> None:
    frame = pd.DataFrame(
        {"a": [1.0, 2.0, 2.0, 5.0], "b": [-math.inf, math.nan, 7.0, 3.0]}, index=list("wxyz")
    )
    fused = log_rank_fusion(frame)
    ranks = {"w": (1, 1.5), "x": (2.5, 1.5), "y": (2.5, 4), "z": (4, 3)}
    for name, (first, second) in ranks.items():
        assert fused[name] == pytest.approx(math.log(first / 4) + math.log(second / 4))
    assert list(fused.index) == list("wxyz")
    assert log_rank_fusion(frame.iloc[:0]).empty
