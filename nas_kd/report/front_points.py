"""The candidates of a run, sorted into what a picture of the front shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nas_kd.report.front_axes import FrontAxes, front_axes
from nas_kd.report.keys import key_of

_NUMBERS = ["macs", "params", "latency_ms", "score", "x", "y"]
_PLOTTED = ["trial", "key", "label", *_NUMBERS]


@dataclass(frozen=True)
class FrontPoints:
    """Candidates by their part in the picture; every distinct candidate stands in one frame once.

    All frames have the columns trial, key, label (the arch in words), macs, params, latency_ms,
    score, and x and y, which are plotted. ``front``, ``finalists`` and ``winner`` repeat candidates
    of ``scored``.

    Attributes:
        axes: What is plotted.
        scored: Scored candidates within the budget.
        over_scored: Scored candidates over the budget (their latency was measured and is too long).
        over_unscored: Candidates over the counted budget; these are never scored.
        degenerate: How many candidates within the budget have no finite score.
        front: The front, by x, without what was measured to be too slow.
        finalists: The candidates that were shortly distilled.
        winner: The delivered student: one row, or none.
        budget: The budget's absolute limit on x.
        teacher: That of the teacher.
    """

    axes: FrontAxes
    scored: pd.DataFrame
    over_scored: pd.DataFrame
    over_unscored: pd.DataFrame
    degenerate: int
    front: pd.DataFrame
    finalists: pd.DataFrame
    winner: pd.DataFrame
    budget: float | None
    teacher: float | None

    @property
    def largest(self) -> float:
        """The largest x in the picture; 1 when it is empty."""
        return max(self._costs(), default=1.0)

    @property
    def smallest(self) -> float:
        """The smallest x in the picture; 1 when it is empty."""
        return min(self._costs(), default=1.0)

    def _costs(self) -> list[float]:
        frames = (self.scored, self.over_scored, self.over_unscored)
        return [float(x) for frame in frames for x in frame["x"].dropna()]


def sort_points(candidates: pd.DataFrame, document: Mapping[str, Any]) -> FrontPoints:
    """Sorts the candidates of a run by what its document says about them.

    Args:
        candidates: One row a trial: trial, key, arch (JSON), feasible, macs, params, latency_ms,
            score, and the objectives.
        document: The document of ``nas-kd search --json``, finished or partial.
    """
    distinct = candidates.drop_duplicates("key").copy()
    distinct["label"] = labels_of(distinct, document)
    axes = front_axes(distinct, document)
    distinct["x"], distinct["y"] = distinct[axes.cost], distinct[axes.score]
    for column in _NUMBERS:
        distinct[column] = pd.to_numeric(distinct[column], errors="coerce").astype(float)
    finite = np.isfinite(distinct["score"]) & np.isfinite(distinct["y"])
    feasible = distinct["feasible"].astype(bool)
    distinct = distinct[[*_PLOTTED]]
    scored = distinct[finite & feasible]
    student = document.get("student") or {}
    return FrontPoints(
        axes=axes,
        scored=scored,
        over_scored=distinct[finite & ~feasible],
        over_unscored=distinct[~finite & ~feasible],
        degenerate=int((~finite & feasible).sum()),
        front=_chosen(scored, document.get("front") or []).sort_values("x"),
        finalists=_chosen(distinct[finite], document.get("finalists") or []),
        winner=_chosen(distinct[finite], [student] if student.get("arch") else []),
        budget=axes.budget(document),
        teacher=axes.teacher(document),
    )


def labels_of(candidates: pd.DataFrame, document: Mapping[str, Any]) -> list[str]:
    """The archs of the candidates: in words where the document has them, else as JSON."""
    entries = [*(document.get("finalists") or []), *(document.get("front") or [])]
    words = {key_of(entry["arch"]): str(entry["description"]) for entry in entries}
    rows = zip(candidates["key"], candidates["arch"].astype(str), strict=True)
    return [words.get(key, arch) for key, arch in rows]


def _chosen(candidates: pd.DataFrame, entries: list[Mapping[str, Any]]) -> pd.DataFrame:
    return candidates[candidates["key"].isin({key_of(entry["arch"]) for entry in entries})]
