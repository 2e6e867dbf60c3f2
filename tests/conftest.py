"""Tests run side by side, one on each core: none of them takes the cores of another."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before anything imports torch; programs inherit it
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)  # a width for pytest's own lines; tables have theirs
