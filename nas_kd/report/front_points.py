"""The candidates of a run, sorted into what a picture of the front shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nas_kd.report.keys import key_of

SCORE_LABEL = "Score (proxies fused, larger is better)"
_PLOTTED = ["trial", "key", "macs", "params", "latency_ms", "score", "label"]


@dataclass(frozen=True)
class FrontPoints:
    """Candidates by their part in the picture; every distinct candidate stands in one frame once.

    All frames have the columns trial, key, macs, params, latency_ms, score and label (the arch in
    words). ``front``, ``finalists`` and ``winner`` repeat candidates of ``scored``.

    Attributes:
        scored: Scored candidates within the budget.
        over_scored: Scored candidates over the budget (their latency was measured and is too long).
        over_unscored: Candidates over the counted budget; these are never scored.
        degenerate: How many candidates within the budget have no finite score.
        front: The front, by MACs.
        finalists: The candidates that were shortly distilled.
        winner: The delivered student: one row, or none.
        budget_macs: The budget's absolute limit on MACs.
        teacher_macs: MACs of the teacher.
    """

    scored: pd.DataFrame
    over_scored: pd.DataFrame
    over_unscored: pd.DataFrame
    degenerate: int
    front: pd.DataFrame
    finalists: pd.DataFrame
    winner: pd.DataFrame
    budget_macs: float | None
    teacher_macs: float | None

    @property
    def largest_macs(self) -> float:
        """The largest number of MACs in the picture; 1 when it is empty."""
        return max((frame["macs"].max() for frame in self._frames() if len(frame)), default=1.0)

    @property
    def smallest_macs(self) -> float:
        """The smallest number of MACs in the picture; 1 when it is empty."""
        return min((frame["macs"].min() for frame in self._frames() if len(frame)), default=1.0)

    def _frames(self) -> tuple[pd.DataFrame, ...]:
        return (self.scored, self.over_scored, self.over_unscored)


def sort_points(candidates: pd.DataFrame, document: Mapping[str, Any]) -> FrontPoints:
    """Sorts the candidates of a run by what its document says about them.

    Args:
        candidates: One row a trial: trial, key, arch (JSON), feasible, macs, params, latency_ms,
            score.
        document: The document of ``nas-kd search --json``, finished or partial.
    """
    distinct = candidates.drop_duplicates("key").copy()
    distinct["label"] = labels_of(distinct, document)
    for column in ("macs", "params", "latency_ms", "score"):
        distinct[column] = pd.to_numeric(distinct[column], errors="coerce").astype(float)
    finite = np.isfinite(distinct["score"])
    feasible = distinct["feasible"].astype(bool)
    distinct = distinct[[*_PLOTTED]]
    scored = distinct[finite & feasible]
    student = document.get("student") or {}
    return FrontPoints(
        scored=scored,
        over_scored=distinct[finite & ~feasible],
        over_unscored=distinct[~finite & ~feasible],
        degenerate=int((~finite & feasible).sum()),
        front=_chosen(distinct[finite], document.get("front") or []).sort_values("macs"),
        finalists=_chosen(distinct[finite], document.get("finalists") or []),
        winner=_chosen(distinct[finite], [student] if student.get("arch") else []),
        budget_macs=(document.get("budget") or {}).get("macs"),
        teacher_macs=(document.get("teacher") or {}).get("macs"),
    )


def labels_of(candidates: pd.DataFrame, document: Mapping[str, Any]) -> list[str]:
    """The archs of the candidates: in words where the document has them, else as JSON."""
    entries = [*(document.get("finalists") or []), *(document.get("front") or [])]
    words = {key_of(entry["arch"]): str(entry["description"]) for entry in entries}
    rows = zip(candidates["key"], candidates["arch"].astype(str), strict=True)
    return [words.get(key, arch) for key, arch in rows]


def _chosen(candidates: pd.DataFrame, entries: list[Mapping[str, Any]]) -> pd.DataFrame:
    return candidates[candidates["key"].isin({key_of(entry["arch"]) for entry in entries})]
