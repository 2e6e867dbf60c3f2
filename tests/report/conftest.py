"""One run that all reports are drawn from."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.report.samples import candidates, document


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return candidates()


@pytest.fixture
def result(table: pd.DataFrame) -> dict[str, Any]:
    return document(table)
