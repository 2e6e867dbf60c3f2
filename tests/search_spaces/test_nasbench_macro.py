from __future__ import annotations

import itertools
import random
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from nas_kd.costs import count_macs
from nas_kd.export import check_parity, export_onnx
from search_spaces import Arch, IllegalArchError, NasBenchMacro, Sizes, Task
from tests.contracts.search_space import build, images

CIFAR10 = Task(in_channels=3, image_size=32, num_classes=10)
SPACE = NasBenchMacro()
PUBLISHED = {
    "00000000": Sizes(macs=7_713_280, params=387_882),
    "10000000": Sizes(macs=12_128_768, params=396_298),
    "01000000": Sizes(macs=14_447_104, params=415_082),
    "00200000": Sizes(macs=17_240_576, params=464_554),
    "00001000": Sizes(macs=14_225_920, params=491_434),
    "00000002": Sizes(macs=20_910_592, params=1_219_370),
    "11111111": Sizes(macs=53_246_464, params=1_588_874),
    "22222222": Sizes(macs=105_660_928, params=2_932_586),
}


@pytest.fixture(scope="module")
def table(data_folder: Path) -> pd.DataFrame:
    path = data_folder / "nb_macro.csv.gz"
    if not path.is_file():
        pytest.skip(f"no NAS-Bench-Macro table at {path}")
    return pd.read_csv(path, dtype={"arch": str})


@pytest.mark.parametrize("digits", PUBLISHED)
def test_published_sizes(digits: str) -> None:
    assert SPACE.sizes(SPACE.parse(digits), CIFAR10) == PUBLISHED[digits]


def test_a_built_network_has_the_published_sizes() -> None:
    for digits in ("00000000", "22222222"):
        module = SPACE.build(SPACE.parse(digits), CIFAR10)
        assert _count(module, CIFAR10) == PUBLISHED[digits]


def test_sizes_equal_the_table(table: pd.DataFrame) -> None:
    rows = table.sample(200, random_state=0)
    for digits, params, flops in zip(rows.arch, rows.params, rows.flops, strict=True):
        assert SPACE.sizes(SPACE.parse(digits), CIFAR10) == Sizes(macs=flops, params=params)


def test_the_table_lists_the_space_in_its_order(table: pd.DataFrame) -> None:
    assert list(table.arch) == [SPACE.describe(arch) for arch in SPACE.enumerate()]
    assert SPACE.size == len(table) == 6_561


def test_canonical_archs_are_the_tables_distinct_results(table: pd.DataFrame) -> None:
    canonical = [SPACE.describe(SPACE.canonical(SPACE.parse(digits))) for digits in table.arch]
    results = table.groupby(canonical)[["acc1", "acc2", "acc3"]].nunique()
    assert len(results) == 3_969
    assert (results == 1).all(axis=None)


@pytest.mark.parametrize(
    ("digits", "canonical"),
    [
        ("00000010", "00000001"),
        ("21220102", "21202102"),
        ("02200210", "02200201"),
        ("12012012", "12012012"),  # the order of blocks matters, and so does the first layer
    ],
)
def test_canonical_archs_compute_the_same(digits: str, canonical: str) -> None:
    space, task = NasBenchMacro(width=4, last_width=8), Task(3, 16, 5)
    arch = space.parse(digits)
    assert space.describe(space.canonical(arch)) == canonical
    given, least = (build(space, a, task, seed=3) for a in (arch, space.canonical(arch)))
    # equal seeds draw equal weights: both hold the same blocks in the same order
    assert torch.equal(given(images(task)), least(images(task)))


def test_closed_form_equals_the_count_on_other_sizes() -> None:
    space, task = NasBenchMacro(width=3, last_width=10), Task(2, 11, 7)
    generator = random.Random(0)
    for _ in range(8):
        arch = space.parse("".join(generator.choices("012", k=8)))
        assert space.sizes(arch, task) == _count(space.build(arch, task), task)


@pytest.mark.parametrize("text", ["", "0", "0120120", "012012012", "01201203", "0120120-"])
def test_other_notations_are_refused(text: str) -> None:
    with pytest.raises(IllegalArchError, match="eight digits"):
        SPACE.parse(text)


def test_genes_are_named_operations() -> None:
    arch = SPACE.parse("01200000")
    assert arch == Arch(
        {"layer_1": "identity", "layer_2": "mb3_k3", "layer_3": "mb6_k5"}
        | {f"layer_{number}": "identity" for number in range(4, 9)}
    )
    assert len(list(SPACE.neighbours(arch))) == 16
    assert len(set(itertools.islice(SPACE.enumerate(), 100))) == 100


def test_a_student_exports_with_parity(tmp_path: Path) -> None:
    space, task = NasBenchMacro(width=4, last_width=16), Task(3, 16, 5)
    module = build(space, space.parse("12021200"), task)
    path = export_onnx(module, task.input_shape, tmp_path / "student.onnx")
    assert check_parity(module, path, task.input_shape, seed=0).passed


def _count(module: nn.Module, task: Task) -> Sizes:
    record = count_macs(module, task.input_shape)
    assert not record.unsupported
    return Sizes(macs=record.macs, params=record.params)
