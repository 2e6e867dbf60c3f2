"""Several scores of each network as one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from proxies import RankFusion, ReferenceFusion
from search_spaces import Arch, SearchSpace
from studies.fusions import Fusion
from studies.reference_sample import reference_sample
from studies.search import REFERENCE_SIZE


def fuse_by_ranks(values: np.ndarray, method: Fusion) -> np.ndarray:
    """One score out of the ranks among all networks, ``(arch,)``.

    Args:
        values: ``(arch, score)``.
        method: Of `RankFusion`.
    """
    rows = _rows(values)
    ranks = RankFusion(list(rows[0]), method)
    for row in rows:
        ranks.add(row)
    return np.array([ranks.score(row) for row in rows])


def fuse_by_reference(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """One score on the scale of a reference, ``(arch,)``; -inf where one of them has no value.

    Args:
        values: ``(arch, score)``.
        reference: ``(reference arch, score)``.
    """
    fusion = ReferenceFusion(pd.DataFrame(_rows(reference)))
    return np.array([fusion.score(row) for row in _rows(values)])


def reference_archs(space: SearchSpace, seed: int) -> list[Arch]:
    """The networks whose scores set the scale in a search with this seed and without a budget."""
    return reference_sample(space, seed, REFERENCE_SIZE, lambda arch: True).archs


def _rows(values: np.ndarray) -> list[dict[str, float]]:
    return [{str(place): value for place, value in enumerate(row)} for row in values.tolist()]
