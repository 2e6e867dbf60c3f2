"""Sizes are drawn with the published weights, without any state."""

from __future__ import annotations

from collections import Counter

import pytest

from nas_kd.training.elastic.sampling import Deck, elastic_deck, replicas
from search_spaces import Arch, ElasticVit, create_space


@pytest.mark.parametrize(
    ("name", "scale", "by_depth_only", "published"),
    [
        ("elastic-vit", 3.0, False, 573),
        ("elastic-swin", 2.0, False, 89),
        ("elastic-resnet", 2.0, True, 699),
    ],
)
def test_the_published_spaces_have_the_published_entries(
    name: str, scale: float, by_depth_only: bool, published: int
) -> None:
    drawn = replicas(create_space(name), scale, by_depth_only=by_depth_only)

    assert len(drawn) == published
    assert set(drawn) == set(create_space(name).enumerate())


def test_an_arch_comes_as_often_as_its_ranks_say() -> None:
    """Equation 14 written out: N = 2 steps of width, M = 2 of depth, S = 3."""
    space = _small()
    expected = {
        Arch({"width": 16 * (i + 1), "depth": 2 + j}): round(
            ((3 - 1) * (2 - i) / 2 + 1) * ((3 - 1) * (2 - j) / 2 + 1)
        )
        for i in range(3)
        for j in range(3)
    }

    assert Counter(replicas(space, 3.0)) == expected
    assert expected[space.anchors()[1]] == 9
    assert Counter(replicas(space, 1.0)) == dict.fromkeys(space.enumerate(), 1)


def test_a_round_draws_every_entry_once_and_the_next_in_another_order() -> None:
    entries = replicas(_small(), 2.0)
    deck = Deck(entries, seed=3, process=0)
    first, second = (
        [arch for step in steps for arch in deck.draw(step, 1)]
        for steps in (range(len(entries)), range(len(entries), 2 * len(entries)))
    )

    assert Counter(first) == Counter(second) == Counter(entries)
    assert first != second


def test_the_arch_of_a_step_needs_no_history_and_differs_between_processes() -> None:
    entries = list(_small().enumerate())
    deck, other = (Deck(entries, seed=0, process=process) for process in (0, 1))
    drawn = [deck.draw(step, 2) for step in range(40)]

    assert Deck(entries, seed=0, process=0).draw(25, 2) == drawn[25]
    assert drawn != [other.draw(step, 2) for step in range(40)]


def test_the_largest_is_not_drawn_and_a_space_of_one_draws_nothing() -> None:
    space = _small()
    drawn = elastic_deck(space, 1.0, seed=0, process=0).draw(0, space.size - 1)
    alone = ElasticVit(width=16, least_width=16, depth=2, least_depth=2, head_dim=16)

    assert {*drawn, space.largest} == set(space.enumerate())
    assert space.largest not in drawn
    assert elastic_deck(alone, 3.0, seed=0, process=0).draw(0, 2) == []


def _small() -> ElasticVit:
    return ElasticVit(width=48, least_width=16, width_step=16, depth=4, least_depth=2, head_dim=16)
