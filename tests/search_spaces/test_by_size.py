"""Archs chosen by their size."""

from __future__ import annotations

import pytest

from nas_kd.errors import UsageError
from search_spaces import (
    AutoDistil,
    Task,
    TextTask,
    create_space,
    nearest_in_size,
    sample_by_size,
    sizes_of_all,
)

SPACE, TASK = create_space("autodistil-tiny"), TextTask()
IMAGES = Task(3, 32, 10)


def test_all_sizes_in_order() -> None:
    sizes = sizes_of_all(SPACE, TASK, "params")
    assert list(sizes.values()) == sorted(sizes.values())
    assert set(sizes) == set(SPACE.enumerate())
    largest, smallest, *_ = SPACE.anchors()
    assert next(iter(sizes)) == smallest
    assert list(sizes)[-1] == largest


def test_the_nearest_arch() -> None:
    params = sizes_of_all(SPACE, TASK, "params")
    for wanted in (1, 7_000_000, 9_140_000, 10**12):
        found = nearest_in_size(SPACE, TASK, "params", wanted)
        assert abs(params[found] - wanted) == min(abs(size - wanted) for size in params.values())
    assert nearest_in_size(create_space("cifar-resnet"), IMAGES, "macs", 0) is not None


def test_a_sample_covers_the_range() -> None:
    macs = sizes_of_all(SPACE, TASK, "macs")
    drawn = sample_by_size(SPACE, TASK, "macs", 10, bins=10, seed=3)
    assert len(set(drawn)) == 10
    low, high = min(macs.values()), max(macs.values())
    bins = [min(9, (macs[arch] - low) * 10 // (high - low)) for arch in drawn]
    assert bins == list(range(10))
    assert drawn == sample_by_size(SPACE, TASK, "macs", 10, bins=10, seed=3)
    assert drawn != sample_by_size(SPACE, TASK, "macs", 10, bins=10, seed=4)


def test_the_whole_space_can_be_drawn() -> None:
    assert set(sample_by_size(SPACE, TASK, "params", 256)) == set(SPACE.enumerate())


def test_of_a_kind_alone() -> None:
    space = create_space("autodistil-base")
    assert isinstance(space, AutoDistil)
    stock = sizes_of_all(space, TASK, "params", space.is_stock)
    assert len(stock) == 2 * 4 * 4
    assert nearest_in_size(space, TASK, "params", 0, space.is_stock) == next(iter(stock))
    assert set(sample_by_size(space, TASK, "macs", 5, where=space.is_stock)) < set(stock)
    with pytest.raises(UsageError, match="not one of its 256 archs"):
        nearest_in_size(SPACE, TASK, "params", 0, lambda arch: False)


@pytest.mark.parametrize(("count", "bins"), [(0, 5), (257, 5), (5, 0)])
def test_impossible_samples_are_refused(count: int, bins: int) -> None:
    with pytest.raises(UsageError, match="cannot be drawn"):
        sample_by_size(SPACE, TASK, "params", count, bins=bins)


def test_spaces_that_are_too_large_are_refused() -> None:
    with pytest.raises(UsageError, match="too many"):
        nearest_in_size(create_space("autoformer-tiny"), IMAGES, "params", 10)


@pytest.mark.parametrize("seed", range(5))
def test_few_archs_are_spread_as_many_are(seed: int) -> None:
    macs = sorted(SPACE.sizes(arch, TASK).macs for arch in SPACE.enumerate())
    drawn = sample_by_size(SPACE, TASK, "macs", 4, seed=seed)
    quarter = (macs[-1] - macs[0]) / 4
    parts = [(SPACE.sizes(arch, TASK).macs - macs[0]) // quarter for arch in drawn]
    assert [min(part, 3) for part in parts] == [0, 1, 2, 3]
