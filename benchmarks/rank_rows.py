"""The statistics of a score as columns, by the names that ``nas-kd rank`` gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

from studies.ranking.judge import Judge


def rank_row(
    bench: str, target: str, proxy: str, judge: Judge, scores: np.ndarray
) -> dict[str, Any]:
    """All of `RankStatistics` about the ``scores`` of a proxy, ``(arch,)``.

    An interval ``tau_ci`` is two columns, ``tau_low`` and ``tau_high``; ``interval`` says how it
    was found.
    """
    row: dict[str, Any] = {"bench": bench, "target": target, "proxy": proxy}
    for name, value in judge.rate(scores).to_document().items():
        if name.endswith("_ci"):
            of = name.removesuffix("_ci")
            row |= {f"{of}_low": value[0], f"{of}_high": value[1]}
        else:
            row[name] = value
    return row | {"interval": judge.interval}
