"""Tests run side by side, one on each core: none of them takes the cores of another."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before anything imports torch; programs inherit it
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)  # a width for pytest's own lines; tables have theirs


@pytest.fixture(scope="session", autouse=True)
def _side_by_side() -> Iterator[None]:
    """The tests beside these keep the machine busy: it is no reason to measure again."""
    from nas_kd.costs import latency

    with pytest.MonkeyPatch.context() as patch:
        if "PYTEST_XDIST_WORKER" in os.environ:
            patch.setattr(latency, "MAX_OTHERS", math.inf)
        yield
