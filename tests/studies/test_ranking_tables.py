"""Tables of trained architectures: which files are read, and as what."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from nas_kd.errors import UsageError
from search_spaces import CifarResNet
from studies.ranking.accuracy_table import read_table
from studies.ranking.table_files import read_cells

TEXT = "arch,acc\n00112012,93.5\n"
ROWS = [
    {"arch": {"depth_1": 1, "depth_2": 3, "depth_3": 5}, "acc": 71.5, "base": None},
    {"arch": {"depth_1": 3, "depth_2": 3, "depth_3": 5}, "acc": 72.5, "base": 70},
]


def written(path: Path, content: object) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


class TestCsv:
    @pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
    def test_digits_stay_text(self, tmp_path: Path, name: str) -> None:
        cells = read_cells(written(tmp_path / name, TEXT))
        assert cells.to_dict("records") == [{"arch": "00112012", "acc": "93.5"}]

    def test_other_compressions_are_refused_by_name(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
            archive.writestr("t.csv", TEXT)
        (tmp_path / "t.csv.bz2").write_bytes(bz2.compress(TEXT.encode()))
        (tmp_path / "t.csv.xz").write_bytes(lzma.compress(TEXT.encode()))
        (tmp_path / "t.csv.zst").write_bytes(b"\x28\xb5\x2f\xfd")
        for path in tmp_path.iterdir():
            with pytest.raises(UsageError, match=r"\.csv\.gz"):
                read_cells(path)

    @pytest.mark.parametrize("header", ["arch,acc,acc", "arch,acc, acc"])
    def test_two_columns_of_one_name_are_refused(self, tmp_path: Path, header: str) -> None:
        path = written(tmp_path / "t.csv", f"{header}\n00112012,93.5,12.5\n")
        with pytest.raises(UsageError, match="column 'acc' is there more than once"):
            read_cells(path)

    def test_columns_without_a_name_are_nobodys(self, tmp_path: Path) -> None:
        path = written(tmp_path / "t.csv", "arch,acc,,\n00112012,93.5,,\n")
        assert read_cells(path)["acc"].tolist() == ["93.5"]

    @pytest.mark.parametrize("name", ["t.csv.gz", "t.json.gz", "t.json", "t.csv"])
    @pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08", b"PK\x03\xff", b"\xff\xfe\x00"])
    def test_what_cannot_be_read_is_a_usage_error(
        self, tmp_path: Path, name: str, content: bytes
    ) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UsageError, match="cannot be read"):
            read_cells(path)


class TestJson:
    @pytest.mark.parametrize("name", ["t.json", "t.json.gz"])
    @pytest.mark.parametrize("document", [ROWS, {"only": ROWS, "note": "no list"}])
    def test_rows_are_a_table(self, tmp_path: Path, name: str, document: object) -> None:
        path = written(tmp_path / name, document)
        cells = read_cells(path)
        assert cells["acc"].tolist() == ["71.5", "72.5"]
        assert cells["base"].tolist() == ["", "70"]
        table = read_table(path, CifarResNet(), target="acc")
        assert [arch["depth_1"] for arch in table.archs] == [1, 3]
        assert read_table(path, CifarResNet(), target="base").dropped == 1

    def test_lists_are_named_and_joined(self, tmp_path: Path) -> None:
        path = written(tmp_path / "t.json", {"one": ROWS[:1], "two": ROWS[1:], "more": ROWS})
        assert len(read_cells(Path(f"{path}#two"))) == 1
        assert read_cells(Path(f"{path}#two, one"))["acc"].tolist() == ["72.5", "71.5"]
        with pytest.raises(UsageError, match="3 lists of rows"):
            read_cells(path)
        with pytest.raises(UsageError, match=r"^lists of .* Did you mean 'two'"):
            read_cells(Path(f"{path}#twoo"))

    @pytest.mark.parametrize("document", [{"a": 1}, [], [1, 2], "[" * 100_000, '"text"'])
    def test_what_is_no_table_is_said(self, tmp_path: Path, document: object) -> None:
        with pytest.raises(UsageError, match="cannot be read"):
            read_cells(written(tmp_path / "t.json", document))

    def test_two_columns_of_one_name_are_refused(self, tmp_path: Path) -> None:
        path = written(tmp_path / "t.json", [{"arch": "1", "acc": 1, "acc ": 2}])
        with pytest.raises(UsageError, match="column 'acc' is there more than once"):
            read_cells(path)

    def test_a_list_without_a_name_cannot_be_named(self, tmp_path: Path) -> None:
        path = written(tmp_path / "t.json", ROWS)
        with pytest.raises(UsageError, match="it holds no named lists: leave out #one"):
            read_cells(Path(f"{path}#one"))

    def test_a_hash_in_a_name_is_a_hash(self, tmp_path: Path) -> None:
        for name in ("a#b.csv", "a.json#b.csv", "a.json.csv"):
            pd.DataFrame(ROWS).to_csv(tmp_path / name, index=False)
            assert len(read_cells(tmp_path / name)) == 2
