"""Nothing that a space or a data set may bring makes a proxy fail."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from proxies import PROXIES, score_student
from tests.proxies.cells import CELLS, CLASSICAL, COSTS, CellNet, cell_features
from tests.proxies.networks import digits, head

BATCHES = ("digits", "duplicated", "one class", "black", "huge", "a class each")


def _batch(kind: str, size: int) -> tuple[Tensor, Tensor]:
    images, labels = digits(size)
    if kind == "duplicated":
        images = images[:1].repeat(size, 1, 1, 1)
    if kind == "one class":
        labels = torch.full((size,), 3)
    if kind == "black":
        images = torch.zeros_like(images)
    if kind == "huge":
        images = images * 1e30
    if kind == "a class each":
        labels = torch.arange(size)
    return images, labels


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    cells=st.lists(st.sampled_from(CELLS), max_size=3),
    batch=st.sampled_from(BATCHES),
    size=st.integers(2, 9),
    width=st.integers(1, 3),
)
def test_every_network_and_batch_has_scores_that_rank(
    cells: list[str], batch: str, size: int, width: int
) -> None:
    images, labels = _batch(batch, size)
    within_classes = len(labels.unique()) < size
    proxies = [name for name in CLASSICAL if name != "epe_nas" or within_classes]
    scores = score_student(
        lambda: CellNet(cells, width=width),
        images,
        labels,
        proxies=proxies,
        features=cell_features,
        head=head,
        seed=0,
        costs=COSTS,
    )
    assert set(scores) == set(proxies) <= set(PROXIES.names())
    assert all(math.isfinite(score) or score == -math.inf for score in scores.values())


def test_a_network_that_lets_nothing_through_has_no_signal() -> None:
    scores = score_student(
        lambda: CellNet(["convolution", "none"]),
        digits(8)[0],
        torch.arange(8) % 3,
        proxies=CLASSICAL,
        features=cell_features,
        head=head,
        seed=0,
        costs=COSTS,
    )
    blind = {"params", "macs", "l2_norm"}  # they look at no output
    early = {
        "swap",
        "swap_regularised",
        "te_nas_regions",
        "meco",
        "apd",
        "intrain",
        "naswot",
        "fisher",
    }
    counted = {"grad_norm": 0.0, "snip": 0.0, "gradsign": 0.0}
    for name in set(CLASSICAL) - blind - early - counted.keys() - {"az_trainability"}:
        assert scores[name] == -math.inf, name
    assert {name: scores[name] for name in counted} == counted
    assert scores["az_trainability"] < -1e5
