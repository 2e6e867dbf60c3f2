"""The measured latencies of a run's candidates, with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nas_kd.report.front_points import labels_of
from studies.run_directory import FIT, RunDirectory, state_name

COLUMNS = ("key", "label", "macs", "score", "latency_ms", "low_ms", "high_ms", "predicted_ms")


def read_measurements(
    run: RunDirectory, candidates: pd.DataFrame, document: Mapping[str, Any]
) -> pd.DataFrame:
    """The distinct candidates whose latency was measured, with the columns `COLUMNS`.

    ``latency_ms`` is the median and ``low_ms`` and ``high_ms`` its 95 % interval (NaN where the
    run has lost it); ``predicted_ms`` is NaN where no latency was predicted. ``in_fit`` says
    whether the predictor was fitted to, or checked on, a measurement of this very candidate.
    """
    if not len(candidates):
        return pd.DataFrame(columns=[*COLUMNS, "in_fit"])
    distinct = candidates.drop_duplicates("key").reset_index(drop=True)
    distinct["label"] = labels_of(distinct, document)
    names = distinct["key"].map(state_name)
    records = dict(_records(run, "latency"))
    table = pd.DataFrame(
        {
            "key": distinct["key"],
            "label": distinct["label"],
            "macs": _numbers(distinct, "macs"),
            "score": _numbers(distinct, "score"),
            "latency_ms": names.map(lambda name: records.get(name, {}).get("median_ms")),
            "low_ms": names.map(lambda name: records.get(name, {}).get("low_ms")),
            "high_ms": names.map(lambda name: records.get(name, {}).get("high_ms")),
            "predicted_ms": _numbers(distinct, "predicted_latency_ms"),
        }
    )
    for column in ("latency_ms", "low_ms", "high_ms"):
        table[column] = pd.to_numeric(table[column]).astype(float)
    table["latency_ms"] = table["latency_ms"].fillna(_numbers(distinct, "latency_ms"))
    fitted = {path.stem for path in (run.path / "work" / FIT).glob("*.json")}
    table["in_fit"] = names.isin(fitted)
    return table[table["latency_ms"].notna()].reset_index(drop=True)


def _records(run: RunDirectory, folder: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Name and figures of every measurement that can be read."""
    for path in sorted((run.path / "work" / folder).glob("*.json")):
        try:
            latency = (run.read_state(f"{folder}/{path.stem}") or {})["latency"]
            low, high = map(float, latency["ci95_ms"])
            median = float(latency["median_ms"])
        except (ValueError, KeyError, TypeError):
            continue
        yield path.stem, {"median_ms": median, "low_ms": low, "high_ms": high}


def _numbers(table: pd.DataFrame, column: str) -> pd.Series:
    """A column of numbers; NaN where it is missing or holds none."""
    if column not in table:
        return pd.Series(float("nan"), index=table.index)
    return pd.to_numeric(table[column], errors="coerce").astype(float)
