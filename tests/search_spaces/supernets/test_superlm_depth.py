"""Which layers shallower students keep."""

from __future__ import annotations

import pytest

from nas_kd.errors import UsageError
from search_spaces.supernets import DepthRule, kept_layers

PUBLISHED = {
    12: tuple(range(12)),
    11: tuple(range(11)),
    10: (0, 1, 2, 3, 4, 6, 7, 8, 9, 10),
    9: (0, 1, 2, 4, 5, 6, 8, 9, 10),
    7: (0, 1, 3, 5, 6, 8, 10),
    6: (0, 2, 4, 6, 8, 10),
    5: (0, 2, 4, 7, 9),
    4: (0, 3, 6, 9),
}


@pytest.mark.parametrize("layers", PUBLISHED)
def test_strides_are_those_of_the_released_models(layers: int) -> None:
    assert kept_layers(12, layers, "stride-floor") == PUBLISHED[layers]


def test_the_last_layer_is_kept() -> None:
    assert kept_layers(12, 4, "keep-last") == (2, 5, 8, 11)
    assert kept_layers(12, 7, "keep-last") == (1, 3, 5, 6, 8, 10, 11)
    assert kept_layers(6, 4, "keep-last") == (1, 2, 4, 5)


def test_the_first_layers_are_kept() -> None:
    assert kept_layers(12, 4, "first") == (0, 1, 2, 3)


@pytest.mark.parametrize("rule", ["stride-floor", "keep-last", "first"])
def test_every_rule_keeps_distinct_layers_in_order(rule: DepthRule) -> None:
    for teacher in range(1, 25):
        for layers in range(1, teacher + 1):
            kept = kept_layers(teacher, layers, rule)
            assert len(kept) == layers
            assert list(kept) == sorted(set(kept))
            assert set(kept) <= set(range(teacher))
        assert kept == tuple(range(teacher))


@pytest.mark.parametrize(("layers", "rule"), [(0, "first"), (13, "first"), (4, "middle")])
def test_impossible_depths_are_refused(layers: int, rule: DepthRule) -> None:
    with pytest.raises(UsageError, match="superlm"):
        kept_layers(12, layers, rule)
