"""Tests run side by side, one on each core: none of them takes the cores of another."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nas_kd.costs import DeviceProfile
    from nas_kd.costs.sampling import Plan

if "PYTEST_XDIST_WORKER" in os.environ:  # before anything imports torch; programs inherit it
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)  # a width for pytest's own lines; tables have theirs


@pytest.fixture(scope="session", autouse=True)
def _side_by_side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs beside these tests is no reason to wait, nor to measure again."""
    from nas_kd.costs import latency

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("locks")))
        if "PYTEST_XDIST_WORKER" in os.environ:
            patch.setattr(latency, "MAX_OTHERS", math.inf)
        yield


@pytest.fixture(autouse=True)
def short_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes the protocol go on: a third of a second a model is enough to be told."""
    from nas_kd.costs import latency

    usual = latency.make_plan

    def short(profile: DeviceProfile, count: int, target_ci: float, max_seconds: float) -> Plan:
        return usual(profile, count, target_ci, min(max_seconds, 0.3))

    monkeypatch.setattr(latency, "make_plan", short)
