"""Archs of a space by their size: the nearest to a number, and even samples over the range."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Literal

from nas_kd.errors import UsageError
from search_spaces._arch import Arch
from search_spaces._space import AnyTask, SearchSpace

Measure = Literal["params", "macs"]
Filter = Callable[[Arch], bool]


def sizes_of_all(
    space: SearchSpace, task: AnyTask, measure: Measure, where: Filter | None = None
) -> dict[Arch, int]:
    """Every arch of the space with its parameters or MACs, the smallest first.

    Args:
        space: A space that can be enumerated.
        task: What its students are built for.
        measure: ``params`` or ``macs``.
        where: Which archs are wanted, such as `TransformerSpace.is_stock`; by default all.

    Raises:
        UsageError: The space is too large to go through, states no sizes in closed form, or no
            arch in it is wanted.
    """
    sizes = {}
    for arch in space.enumerate():
        if where is not None and not where(arch):
            continue
        size = space.sizes(arch, task)
        if size is None:
            raise UsageError(
                f"{space.name}: it has no closed form for the sizes of its students, so that none "
                "can be chosen by size. Search it under a budget instead."
            )
        sizes[arch] = getattr(size, measure)
    if not sizes:
        raise UsageError(f"{space.name}: not one of its {space.size} archs is of the wanted kind.")
    return dict(sorted(sizes.items(), key=lambda entry: (entry[1], entry[0].key)))


def nearest_in_size(
    space: SearchSpace, task: AnyTask, measure: Measure, size: int, where: Filter | None = None
) -> Arch:
    """The arch with about so many parameters or MACs; of two equally near, the smaller.

    Raises:
        UsageError: As in `sizes_of_all`.
    """
    sizes = sizes_of_all(space, task, measure, where)
    return min(sizes, key=lambda arch: abs(sizes[arch] - size))


def sample_by_size(
    space: SearchSpace,
    task: AnyTask,
    measure: Measure,
    count: int,
    *,
    bins: int = 20,
    seed: int = 0,
    where: Filter | None = None,
) -> list[Arch]:
    """Distinct archs spread evenly over the range of sizes, the smallest first.

    The range from the smallest student to the largest is cut into bins of equal width, no more of
    them than archs are wanted. In turn, each bin that is not yet empty gives one arch at random,
    until there are enough.

    Args:
        space: A space that can be enumerated.
        task: What its students are built for.
        measure: ``params`` or ``macs``.
        count: Number of archs, at most the number that there is.
        bins: Largest number of bins.
        seed: Of the choice within the bins.
        where: As in `sizes_of_all`.

    Raises:
        UsageError: As in `sizes_of_all`, or more archs are asked for than there are.
    """
    sizes = sizes_of_all(space, task, measure, where)
    if not 1 <= count <= len(sizes) or bins < 1:
        raise UsageError(
            f"{space.name}: {count} of {len(sizes)} archs from {bins} bins cannot be drawn; ask "
            "for at least one, at most all, and one bin or more."
        )
    generator = random.Random(seed)
    filled = _bins(sizes, min(bins, count))
    for members in filled:
        generator.shuffle(members)
    drawn: list[Arch] = []
    while len(drawn) < count:
        turn = [members.pop() for members in filled if members]
        generator.shuffle(turn)
        drawn += turn[: count - len(drawn)]
    return sorted(drawn, key=lambda arch: (sizes[arch], arch.key))


def _bins(sizes: Mapping[Arch, int], count: int) -> list[list[Arch]]:
    low, high = min(sizes.values()), max(sizes.values())
    members: list[list[Arch]] = [[] for _ in range(count)]
    for arch, size in sizes.items():
        place = (size - low) * count // max(1, high - low)
        members[min(place, count - 1)].append(arch)
    return members
