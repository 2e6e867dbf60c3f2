from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def short_measurements() -> None:
    """Here the protocol itself is tested: it takes the time it takes."""
