"""Unlabelled text from files, folders, archives, tables and data sets."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from nas_kd.data.text import files, load_corpus
from nas_kd.errors import UsageError
from tests.data.text.real import real_file

TABLE = 'id\tsentence\n1\tA "quoted start\n\n2\tplain, with a comma\n'


def test_lines_of_a_file_without_blank_ones(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\r\n  two  \n")
    corpus = load_corpus(f"text:{path}")
    assert corpus.texts == ("one", "two")
    assert corpus.name == "book"


def test_files_of_a_folder_and_of_an_archive_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    (folder / "deep").mkdir(parents=True)
    for name, text in {"b.txt": "second", "a.txt": "first", "deep/c.txt": "third"}.items():
        (folder / name).write_text(text)
    (folder / "d.md").write_text("not this")
    archive = tmp_path / "texts.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.rglob("*"), reverse=True):
            packed.write(path, path.relative_to(folder))
    for place in (folder, archive):
        assert load_corpus(f"text:{place}").texts == ("first", "second", "third")
        assert load_corpus(f"text:{place}?files=deep/*").texts == ("third",)
        assert load_corpus(f"text:{place}?files=*.md").texts == ("not this",)


def test_columns_of_tables_by_name_and_number(tmp_path: Path) -> None:
    tsv, csv = tmp_path / "some.tsv", tmp_path / "some.csv"
    tsv.write_text(TABLE)
    csv.write_text('id,sentence\n1,"two\nlines, ""quoted"""\n')
    expected = ('A "quoted start', "plain, with a comma")
    assert load_corpus(f"tsv:{tsv}?column=sentence").texts == expected
    assert load_corpus(f"tsv:{tsv}?column=2").texts == expected
    assert load_corpus(f"tsv:{tsv}?column=1&header=false").texts == ("id", "1", "2")
    assert load_corpus(f"csv:{csv}?column=sentence").texts == ('two\nlines, "quoted"',)


def test_a_saved_data_set(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    found = datasets.Dataset.from_dict({"text": ["one", "", "two", None], "label": [0] * 4})
    datasets.DatasetDict({"train": found, "test": found.select([2])}).save_to_disk(tmp_path)
    assert load_corpus(f"hfds:{tmp_path}?column=text").texts == ("one", "two")
    assert load_corpus(f"hfds:{tmp_path}?column=text&split=test").texts == ("two",)
    with pytest.raises(UsageError, match="Did you mean 'text'"):
        load_corpus(f"hfds:{tmp_path}?column=texts")
    with pytest.raises(UsageError, match="there is no 'dev'"):
        load_corpus(f"hfds:{tmp_path}?column=text&split=dev")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("texts:a.txt", "Did you mean 'text'"),
        ("text:", "say where it lies"),
        ("text:missing.txt", "there is no file or folder"),
        ("tsv:table.tsv", "name the column"),
        ("tsv:table.tsv?column=sentences", "Did you mean 'sentence'"),
        ("tsv:table.tsv?column=3", "there is no '3'"),
        ("tsv:ragged.tsv?column=2", "line 3 has 1 fields"),
        ("csv:broken.csv?column=1", "is not CSV"),
        ("text:latin.txt", "is not UTF-8"),
        ("text:empty.txt", "there is no text"),
        ("tsv:empty.txt?column=1", "there are no rows"),
        ("text:cut.zip", "cannot be read"),
        ("text:whole.zip?files=*.md", "no file in"),
        ("text:empty.txt?column=2", "there is no 'column'"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.tsv").write_text(TABLE)
    Path("ragged.tsv").write_text("a\tb\n1\t2\n3\n")
    Path("broken.csv").write_text('a,b\n"no end\n')
    Path("latin.txt").write_bytes("è".encode("latin-1"))
    Path("empty.txt").write_text("\n \n")
    with zipfile.ZipFile("whole.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "text " * 1000)
    content = bytearray(Path("whole.zip").read_bytes())
    content[40:60] = bytes(20)
    Path("cut.zip").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load_corpus(source)


def test_an_archive_that_unpacks_to_too_much_is_left_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "0" * 100_000)
    monkeypatch.setattr(files, "LARGEST", 50_000)
    with pytest.raises(UsageError, match="unpacks to more than 50,000 bytes"):
        load_corpus(f"text:{path}")


def test_the_real_text() -> None:
    path = real_file("text_en.zip")
    assert len(load_corpus(f"text:{path}?files=inaugural.txt").texts) > 1000
    news = load_corpus(f"tsv:{path}?files=agnews_*.tsv&column=1&header=false")
    assert len(news.texts) == 17_601
