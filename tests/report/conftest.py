"""One run that all reports are drawn from."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from studies.run_directory import RunDirectory
from tests.report.dashboard_run import finished_run
from tests.report.samples import candidates, document


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A whole run on disk, only to be read."""
    return finished_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return candidates()


@pytest.fixture
def result(table: pd.DataFrame) -> dict[str, Any]:
    return document(table)
