"""The document of a pre-training, also of one that is not finished."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nas_kd.report.progress import progress_document
from nas_kd.training.pretraining import PretrainingFolder

SCHEMA = "nas-kd.pretrain-result/1"


def read_pretraining(folder: PretrainingFolder) -> dict[str, Any]:
    """What ``nas-kd pretrain --json`` prints, or as much of it as is known so far.

    What decides the result lies beside ``units`` and ``seconds`` so far, the metrics of the
    ``last`` unit, the ``progress`` of a command that is at work, the facts about the finished
    ``supernet``, and a ``warning`` where its cell is useless; those that are not known are None.

    Raises:
        UsageError: A file is damaged.
    """
    metrics, facts = folder.read_metrics(), folder.facts()
    job = {name: value for name, value in (folder.job() or {}).items() if name != "schema"}
    return {
        "schema": SCHEMA,
        "run_dir": str(folder.path),
        **job,
        "units": len(metrics),
        "seconds": float(metrics["seconds"].sum()) if len(metrics) else 0.0,
        "last": _last(metrics),
        "progress": progress_document(folder),
        "supernet": facts,
        "warning": (facts or {}).get("warning"),
    }


def _last(metrics: pd.DataFrame) -> dict[str, float] | None:
    """What is known of the last unit, by name."""
    if not len(metrics):
        return None
    row = metrics.iloc[-1].dropna().drop(["unit", "seconds"], errors="ignore")
    return {str(name): float(value) for name, value in row.items()}
