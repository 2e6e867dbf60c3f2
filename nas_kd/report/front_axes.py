"""What a picture of the front plots: a score against a cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nas_kd.report import facts, numbers

SCORE_LABEL = "Score (larger is better)"
_PREDICTED = "predicted_latency_ms"
_COST_LABELS = {
    "macs": "MACs of one image",
    "params": "Parameters",
    _PREDICTED: "Predicted latency (ms)",
}
_UNITS = {"macs": " MACs", "params": " parameters"}


@dataclass(frozen=True)
class FrontAxes:
    """The two columns of the candidates' table that are plotted.

    Attributes:
        cost: To the right, less is better.
        score: Upwards, more is better.
        joined: Whether these are all objectives of the search: only then is its front a line of
            steps here.
    """

    cost: str = "macs"
    score: str = "score"
    joined: bool = True

    @property
    def cost_label(self) -> str:
        return _COST_LABELS[self.cost]

    @property
    def score_label(self) -> str:
        return SCORE_LABEL if self.score == "score" else f"{self.score} (larger is better)"

    @property
    def is_count(self) -> bool:
        """Whether the cost is counted, not in milliseconds."""
        return self.cost in _UNITS

    def spell(self, cost: float) -> str:
        """A cost with its unit."""
        if not self.is_count:
            return numbers.milliseconds(cost)
        return f"{numbers.count(cost)}{_UNITS[self.cost]}"

    def budget(self, document: Mapping[str, Any]) -> float | None:
        """The budget's absolute limit on the cost."""
        value: float | None = (document.get("budget") or {}).get(self._metric)
        return value

    def teacher(self, document: Mapping[str, Any]) -> float | None:
        """What the teacher costs."""
        if not self.is_count:
            return facts.teacher_latency(document)
        value: float | None = (document.get("teacher") or {}).get(self._metric)
        return value

    @property
    def _metric(self) -> str:
        return self.cost if self.is_count else "latency_ms"


def front_axes(candidates: pd.DataFrame, document: Mapping[str, Any]) -> FrontAxes:
    """The first maximised objective that the candidates have against the first minimised one.

    Without such a one the fused score, and MACs.

    Args:
        candidates: The run's candidates, one row a trial (`RunDirectory.read_candidates`).
        document: The run's document, finished or partial.
    """
    objectives = document.get("objectives") or ["score", "macs"]
    columns = [_PREDICTED if name == "latency_ms" else name for name in objectives]
    known = [name for name in columns if name in candidates and candidates[name].notna().any()]
    cost = next((name for name in known if name in _COST_LABELS), "macs")
    score = next((name for name in known if name not in _COST_LABELS), "score")
    return FrontAxes(cost, score, joined=set(columns) == {cost, score})
