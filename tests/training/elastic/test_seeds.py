"""Draws of different uses do not start alike."""

from __future__ import annotations

import itertools

from nas_kd.training.batches import mixed_seed
from nas_kd.training.elastic.seeds import Use, seed_of


def test_no_two_uses_share_a_seed() -> None:
    numbers = [*itertools.product(range(3), repeat=2), *itertools.product(range(3), repeat=3)]
    for one, other in itertools.combinations(Use, 2):
        mine, theirs = ({seed_of(use, *n) for n in numbers} for use in (one, other))
        assert not mine & theirs


def test_a_number_that_is_left_out_counts_as_nothing() -> None:
    """Why the uses are told apart: order and steps of an epoch began alike."""
    assert mixed_seed(7, 3) == mixed_seed(7, 3, 0)
