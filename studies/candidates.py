"""Candidates: what is known of an arch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search_spaces import Arch


@dataclass(frozen=True)
class Candidate:
    """One evaluated arch.

    Attributes:
        arch: The canonical representative.
        macs: Multiply-accumulates for one input, counted.
        params: Elements of all parameters, counted.
        violations: Metric to relative excess over its limit; at most 0 where the limit holds.
        scores: Proxy name to raw score, larger is better; -inf where the proxy has no value.
            Empty when the candidate is over the budget: those are never scored.
        predicted_ms: Predicted latency; None where no predictor was fitted.
    """

    arch: Arch
    macs: int
    params: int
    violations: Mapping[str, float]
    scores: Mapping[str, float] = field(default_factory=dict)
    predicted_ms: float | None = None

    @property
    def key(self) -> str:
        return self.arch.key

    @property
    def feasible(self) -> bool:
        return all(violation <= 0 for violation in self.violations.values())

    @property
    def degenerate(self) -> bool:
        """Whether some proxy has no finite value, as for a cell that passes nothing on."""
        return any(not math.isfinite(score) for score in self.scores.values())

    @property
    def counted(self) -> dict[str, float]:
        """``macs`` and ``params``."""
        return {"macs": float(self.macs), "params": float(self.params)}

    @property
    def costs(self) -> dict[str, float]:
        """What is counted, and ``latency_ms`` where it is predicted."""
        if self.predicted_ms is None:
            return self.counted
        return self.counted | {"latency_ms": self.predicted_ms}

    def to_dict(self) -> dict[str, Any]:
        """A form for JSON, in which a missing score is None."""
        return {
            "key": self.key,
            "arch": dict(self.arch.items()),
            "macs": self.macs,
            "params": self.params,
            "violations": dict(self.violations),
            "scores": {n: s if math.isfinite(s) else None for n, s in self.scores.items()},
            "predicted_ms": self.predicted_ms,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Candidate:
        return cls(
            arch=Arch(state["arch"]),
            macs=state["macs"],
            params=state["params"],
            violations=state["violations"],
            scores={n: -math.inf if s is None else s for n, s in state["scores"].items()},
            predicted_ms=state["predicted_ms"],
        )
