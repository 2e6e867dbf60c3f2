from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data: ``NAS_KD_DATA``, or ``shared/data`` beside the repository."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("NAS_KD_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set NAS_KD_DATA to the folder that holds it")
    return folder
