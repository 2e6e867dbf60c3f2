"""Lists are kept until a source changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas_kd.cli import kept_lists
from nas_kd.cli.kept_lists import Entries, kept_list
from tests.cli.conftest import Command


class Maker:
    """Makes a list, and counts how often."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> Entries:
        self.made += 1
        return [{"name": "a", "needs": ["labels"], "size": 3}]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The source that lists depend on in this test."""
    package = tmp_path / "listed_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(kept_lists, "_SOURCES", ("listed_package",))
    monkeypatch.setenv("NAS_KD_CACHE", str(tmp_path / "cache"))
    return package / "__init__.py"


def test_a_list_is_made_once_until_a_source_changes(source: Path) -> None:
    make = Maker()
    lists = [kept_list("things", make) for _ in range(3)]
    assert make.made == 1
    assert lists == [Maker()()] * 3
    source.write_text("changed = True\n")
    assert kept_list("things", make) == lists[0]
    (source.parent / "new.toml").write_text("")
    kept_list("things", make)
    assert make.made == 3


def test_a_damaged_cache_is_made_anew(source: Path, tmp_path: Path) -> None:
    make = Maker()
    kept_list("things", make)
    file = tmp_path / "cache" / "lists" / "things.json"
    file.write_text(file.read_text().replace('"a"', '"b"'))
    assert kept_list("things", make) == Maker()()
    assert make.made == 2


def test_a_cache_that_cannot_be_written_is_done_without(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_KD_CACHE", str(source))
    assert kept_list("things", Maker()) == Maker()()


def test_components_of_other_packages_are_never_kept(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = tmp_path / "others-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: others\n")
    (information / "entry_points.txt").write_text("[nas_kd.things]\nx = json:loads\n")
    make = Maker()
    for _ in range(2):
        kept_list("things", make)
    assert make.made == 2


def test_a_kept_list_reads_as_a_fresh_one(nas_kd: Command) -> None:
    assert nas_kd("list", "spaces").out == nas_kd("list", "spaces").out
    assert nas_kd("list", "proxies", "--json").out == nas_kd("list", "proxies", "--json").out
