"""Tables of trained architectures, as ``nas-kd rank`` reads them."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from nas_kd.errors import UsageError
from search_spaces import CifarResNet, NasBench201, NasBenchMacro
from studies.ranking.accuracy_table import AccuracyTable, read_table


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class TestTable:
    def test_rows_without_a_target_are_dropped_and_counted(self, tmp_path: Path) -> None:
        lines = ["arch, acc ,few", "7,90.5,", "8,,1", "9,nan,2", "10,inf,3", "11, 91 ,4"]
        table = read_table(
            write(tmp_path / "t.csv", *lines), NasBench201(), target="acc", beside=["few"]
        )
        assert (len(table), table.dropped) == (2, 3)
        assert table.target.tolist() == [90.5, 91.0]
        np.testing.assert_equal(table.beside["few"], [math.nan, 4.0])
        assert table.archs == [NasBench201().arch_at(index) for index in (7, 11)]
        assert table.functions == [NasBench201().canonical(arch) for arch in table.archs]

    def test_architectures_keep_their_leading_zeros_also_in_gzip(self, tmp_path: Path) -> None:
        path = tmp_path / "t.csv.gz"
        path.write_bytes(gzip.compress(b"\xef\xbb\xbfnet,acc\n00112012,9\n"))
        table = read_table(path, NasBenchMacro(), target="acc", arch_columns=["net"])
        assert NasBenchMacro().describe(table.archs[0]) == "00112012"

    def test_one_column_for_each_gene(self, tmp_path: Path) -> None:
        path = write(tmp_path / "t.csv", "d1,d2,d3,acc", "1,5,7,60")
        space = CifarResNet()
        table = read_table(path, space, target="acc", arch_columns=["d1", "d2", "d3"])
        assert space.describe(table.archs[0]) == "ResNet[1 5 7]"
        with pytest.raises(UsageError, match=r"2 columns are named.*3 genes"):
            read_table(path, space, target="acc", arch_columns=["d1", "d2"])

    @pytest.mark.parametrize(
        ("lines", "words"),
        [
            (["arch,accuracy", "1,2"], "there is no 'acc'. Known: arch, accuracy"),
            (["arch,acc", "1,2", "99999,2"], "row 2: nasbench201: there is no cell 99999"),
            (["arch,acc", "1,2", ",2"], "row 2"),
            (["arch,acc", "1,", "2,high"], "row 2: column acc holds 'high'"),
            (["arch,acc", "1,2,3,4"], "cannot be read"),
            ([""], "cannot be read"),
        ],
    )
    def test_what_cannot_be_read(self, tmp_path: Path, lines: list[str], words: str) -> None:
        with pytest.raises(UsageError, match=words):
            read_table(write(tmp_path / "t.csv", *lines), NasBench201(), target="acc")

    def test_files_that_are_none(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="there is no file"):
            read_table(tmp_path / "t.csv", NasBench201(), target="acc")
        path = write(tmp_path / "t.csv.gz", "arch,acc")
        with pytest.raises(UsageError, match="cannot be read"):
            read_table(path, NasBench201(), target="acc")

    def test_a_sample_keeps_the_order_and_hangs_on_the_seed(self) -> None:
        space = NasBench201()
        archs = [space.arch_at(index) for index in range(200)]
        table = AccuracyTable(archs, archs, np.arange(200.0), {"few": -np.arange(200.0)}, 0)
        one, same, other = (table.sample(50, seed) for seed in (1, 1, 2))
        assert one.target.tolist() == same.target.tolist() != other.target.tolist()
        assert (np.diff(one.target) > 0).all()
        assert one.archs == [archs[int(row)] for row in one.target]
        assert one.beside["few"].tolist() == (-one.target).tolist()
        assert table.sample(200, 0) is table

    def test_too_few_rows_and_a_constant_target(self) -> None:
        archs = [NasBench201().arch_at(index) for index in range(10)]
        few = AccuracyTable(archs[:9], archs[:9], np.arange(9.0), {}, 4)
        with pytest.raises(UsageError, match=r"it has 9 usable rows \(4 without a target"):
            few.require_rankable("it")
        flat = AccuracyTable(archs, archs, np.full(10, 5.0), {}, 0)
        with pytest.raises(UsageError, match="the target is 5 in each of the 10 rows"):
            flat.require_rankable("it")
