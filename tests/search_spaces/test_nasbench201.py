from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import Arch, IllegalArchError, NasBench201, Task
from search_spaces._nasbench201_cells import OPERATIONS
from tests.contracts.search_space import counted, draw

SPACE = NasBench201()
CIFAR10, CIFAR100, IMAGENET16 = Task(3, 32, 10), Task(3, 32, 100), Task(3, 16, 120)

PUBLISHED_STRINGS = {
    0: "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
    "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    123: "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
    284: "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|nor_conv_1x1~1|none~2|",
    857: "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    1462: "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    6111: "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    9930: "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    11472: "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|",
}

# Index to MFLOPs (with the classifier's bias) and Mparams on CIFAR-10, CIFAR-100, ImageNet16-120.
PUBLISHED_SIZES = {
    1651: ((7.78305, 0.073306), (7.78890, 0.079156), (1.95340, 0.080456)),
    1835: ((7.78305, 0.073306), (7.78890, 0.079156), (1.95340, 0.080456)),
    284: ((11.71521, 0.101306), (11.72106, 0.107156), (2.93644, 0.108456)),
    4317: ((31.37601, 0.241306), (31.38186, 0.247156), (7.85164, 0.248456)),
    123: ((47.10465, 0.344346), (47.11050, 0.350196), (11.78380, 0.351496)),
    10676: ((121.81569, 0.858426), (121.82154, 0.864276), (30.46156, 0.865576)),
    1462: ((220.11969, 1.531546), (220.12554, 1.537396), (55.03756, 1.538696)),
}

archs = st.builds(
    lambda operations: Arch(dict(zip(SPACE.distributions, operations, strict=True))),
    st.lists(st.sampled_from(OPERATIONS), min_size=6, max_size=6),
)


@pytest.mark.parametrize(("index", "text"), PUBLISHED_STRINGS.items())
def test_published_indices(index: int, text: str) -> None:
    assert SPACE.to_string(SPACE.arch_at(index)) == text
    assert SPACE.index_of(SPACE.from_string(text)) == index
    assert SPACE.parse(str(index)) == SPACE.from_string(text)


def test_all_cells_round_trip_through_string_and_index() -> None:
    enumerated = list(SPACE.enumerate())
    strings = [SPACE.to_string(arch) for arch in enumerated]
    indices = [SPACE.index_of(arch) for arch in enumerated]
    assert len(set(strings)) == len(enumerated) == SPACE.size == 15_625
    assert sorted(indices) == list(range(15_625))
    assert [SPACE.from_string(text) for text in strings] == enumerated
    assert [SPACE.arch_at(index) for index in indices] == enumerated


@given(archs)
def test_every_notation_round_trips(arch: Arch) -> None:
    assert SPACE.parse(SPACE.describe(arch)) == arch
    assert SPACE.parse(arch.to_json()) == arch
    assert SPACE.parse(str(SPACE.index_of(arch))) == arch


@given(st.text(max_size=40) | st.text(alphabet="|~+012 none", max_size=40))
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(IllegalArchError, match="nasbench201"):
        SPACE.from_string(text)


@pytest.mark.parametrize(
    "text",
    [
        PUBLISHED_STRINGS[0].replace("avg_pool_3x3", "avg_pool_5x5"),
        PUBLISHED_STRINGS[0].replace("~2", "~1"),
        PUBLISHED_STRINGS[0].removesuffix("|"),
        PUBLISHED_STRINGS[0] + "+|none~0|",
        "15625",
        "-1",
    ],
)
def test_near_misses_are_refused(text: str) -> None:
    with pytest.raises(IllegalArchError, match="nasbench201"):
        SPACE.parse(text)


@pytest.mark.parametrize(("index", "sizes"), PUBLISHED_SIZES.items())
def test_published_sizes(index: int, sizes: tuple[tuple[float, float], ...]) -> None:
    for task, (mflops, mparams) in zip((CIFAR10, CIFAR100, IMAGENET16), sizes, strict=True):
        closed_form = SPACE.sizes(SPACE.arch_at(index), task)
        assert closed_form.params == round(mparams * 1e6)
        assert closed_form.macs + task.num_classes == round(mflops * 1e6)


def test_the_whole_space_has_28_sizes_and_the_published_means() -> None:
    sizes = [SPACE.sizes(arch, CIFAR10) for arch in SPACE.enumerate()]
    assert len(set(sizes)) == 28
    assert round(sum(s.macs + 10 for s in sizes) / len(sizes) / 1e6, 2) == 54.97
    assert round(sum(s.params for s in sizes) / len(sizes) / 1e6, 4) == 0.3986


@pytest.mark.parametrize("index", [0, 123, 1651, 9930])
def test_full_size_closed_form_equals_the_count(index: int) -> None:
    arch = SPACE.arch_at(index)
    assert SPACE.sizes(arch, CIFAR10) == counted(SPACE.build(arch, CIFAR10), CIFAR10)


def test_closed_form_equals_the_count_on_200_random_cells() -> None:
    space, task = NasBench201(channels=16, cells_per_stage=1), Task(1, 7, 10)
    for arch in draw(space, 200, seed=11):
        assert space.sizes(arch, task) == counted(space.build(arch, task), task)


def test_the_accuracy_tables_agree_row_by_row(data_folder: Path) -> None:
    with gzip.open(data_folder / "nb201.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    group_of: dict[Arch, str] = {}
    canonical_of: dict[str, Arch] = {}
    for row in rows:
        arch = SPACE.arch_at(int(row["idx"]))
        assert SPACE.to_string(arch) == row["arch"]
        sizes = SPACE.sizes(arch, CIFAR10)
        assert (sizes.params, sizes.macs) == (int(row["params"]), int(row["flops_c10"]))
        canonical = SPACE.canonical(arch)
        assert group_of.setdefault(canonical, row["iso_group"]) == row["iso_group"]
        assert canonical_of.setdefault(row["iso_group"], canonical) == canonical
    assert len(rows) > 10_000
