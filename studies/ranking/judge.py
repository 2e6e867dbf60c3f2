"""`Judge`: everything that is said of one score beside a table of trained accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from studies.ranking.correlation import kendall_tau, partial_tau, spearman_rho, tau_within
from studies.ranking.intervals import Interval, Intervals
from studies.ranking.top import ndcg, top_pick_target


@dataclass(frozen=True)
class RankStatistics:
    """How well a score ranks the target. What cannot be computed is NaN.

    Attributes:
        tau: Kendall's tau-b.
        tau_ci: Its 95 % interval over functions.
        rho: Spearman's rho.
        rho_ci: Its 95 % interval over functions.
        partial_tau: Kendall's partial tau, given the number of parameters.
        tau_within_params: Tau-b over the pairs whose parameters differ by at most 5 %.
        ndcg: Normalised discounted cumulative gain of the first 1,000 places.
        top_pick_target: Target of the architecture with the highest score.
        n: Architectures.
        nan: Those without a finite score; they rank last.
    """

    tau: float
    tau_ci: Interval
    rho: float
    rho_ci: Interval
    partial_tau: float
    tau_within_params: float
    ndcg: float
    top_pick_target: float
    n: int
    nan: int

    def to_document(self) -> dict[str, Any]:
        """The statistics by name, in the order above."""
        return asdict(self)


class Judge:
    """Rates scores by one target.

    Args:
        target: What the scores should rank, finite, ``(arch,)``.
        params: Number of parameters, ``(arch,)``.
        seed: Decides the samples of the bootstrap, the same ones for all scores.
        functions: Key of what each architecture computes, such as its canonical one; those with
            the same key are drawn together. Without it, each is a function of its own.

    Attributes:
        interval: How the intervals are found, ``bootstrap`` or ``jackknife`` (`Intervals`).
    """

    def __init__(
        self,
        target: np.ndarray,
        params: np.ndarray,
        *,
        seed: int,
        functions: Sequence[str] | None = None,
    ) -> None:
        self._target = target
        self._params = params
        numbers = None
        if functions is not None:
            numbers = np.unique(np.array(functions), return_inverse=True)[1]
        self._intervals = Intervals(target, seed=seed, functions=numbers)
        self.interval = self._intervals.method

    def rate(self, scores: np.ndarray) -> RankStatistics:
        """The statistics of ``scores``, ``(arch,)``, larger meaning better."""
        tau_ci, rho_ci = self._intervals.of(scores)
        return RankStatistics(
            tau=kendall_tau(scores, self._target),
            tau_ci=tau_ci,
            rho=spearman_rho(scores, self._target),
            rho_ci=rho_ci,
            partial_tau=partial_tau(scores, self._target, self._params),
            tau_within_params=tau_within(scores, self._target, self._params),
            ndcg=ndcg(scores, self._target),
            top_pick_target=top_pick_target(scores, self._target),
            n=len(scores),
            nan=int((~np.isfinite(scores)).sum()),
        )
