"""How a benchmark keeps its rows: CSV with the commit, the versions and the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from nas_kd.costs.environment import cpu_name

RESULTS = Path(__file__).parent / "results"


def write_rows(name: str, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Writes ``results/<name>.csv``, each row with where and on what it was found.

    A row that names its ``commit`` was found by that one, and keeps whatever else it says of that.
    """
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.csv"
    now = _circumstances()
    whole = [{**row, **now, **(row if "commit" in row else {})} for row in rows]
    pd.DataFrame(whole).to_csv(path, index=False)
    return path


def rows_beside(name: str, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The rows that ``results/<name>.csv`` has already and ``rows`` do not replace.

    Args:
        name: See `write_rows`.
        key: Columns that tell rows apart.
        rows: The new ones.
    """
    path = RESULTS / f"{name}.csv"
    if not path.is_file():
        return []
    new = {tuple(str(row[column]) for column in key) for row in rows}
    known = pd.read_csv(path).to_dict("records")
    return [row for row in known if tuple(str(row.get(column)) for column in key) not in new]


def _circumstances() -> dict[str, Any]:
    packages = ("torch", "onnxruntime", "optuna", "fvcore")
    return {
        "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def commit() -> str:
    """The one that is checked out, and whether files other than results differ from it."""
    commit = _git("rev-parse", "--short", "HEAD") or "not a checkout"
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":!results")
    return f"{commit}+changes" if changed else commit


def _git(*words: str) -> str:
    """What git says of this checkout; nothing where this is none."""
    here = Path(__file__).parent
    return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True).stdout.strip()
