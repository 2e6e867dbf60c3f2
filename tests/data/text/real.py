"""The real text, or a skip that says what to set."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cifar10 import data_file
from nas_kd.errors import UsageError


def real_file(name: str) -> Path:
    """A file of the real data; the test is skipped where it is not there."""
    try:
        path = data_file(name)
    except UsageError:
        path = None
    if path is None or not path.is_file():
        pytest.skip(f"the real text {name} is not there; set NAS_KD_DATA")
    return path
