from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nas_kd.data import load_data
from nas_kd.errors import UsageError
from nas_kd.source_spec import SourceSpec

OWN = "tests.data.own_data"


def test_own_code_is_given_what_it_asks_for() -> None:
    data = load_data(f"{OWN}:make", seed=7, image_size=6)
    assert (data.name, data.input_shape) == ("own 7", (1, 6, 6))
    assert load_data(f"{OWN}:make?fill=0.25").train[0][0].mean() == 0.25


def test_options_of_own_code_are_its_arguments() -> None:
    assert load_data(f"{OWN}:of_any_options?path=here&channels=4").name == "here {'channels': 4}"


def test_own_code_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "just_here.py").write_text("from tests.data.own_data import make as mine\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    monkeypatch.setattr(sys, "path", before)
    assert load_data("just_here:mine", seed=1).name == "own 1"
    assert sys.path[0] != str(tmp_path)


@pytest.mark.parametrize(
    ("code", "source"),
    [
        ("raise SystemExit(2)", "exiting_module:make"),
        ("def make():\n    raise SystemExit(2)", "exiting_function:make"),
    ],
)
def test_code_that_ends_python_is_named(
    code: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a script does that reads a command line of its own."""
    (tmp_path / f"{source.partition(':')[0]}.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match=f"data: .*{source}.*SystemExit: 2"):
        load_data(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere.at_all:f", "'nowhere.at_all'.*cannot be imported"),
        (f"{OWN}:make_it", "has no 'make_it'"),
        (f"{OWN}:NUMBER", "is a int"),
        (f"{OWN}:nothing", "returned NoneType"),
        (f"{OWN}:demanding", "needs password"),
        (f"{OWN}:failing", "RuntimeError: the disk is elsewhere"),
        (f"{OWN}:make?seed=1", "seed is no option of .*Leave seed=1 out"),
        (f"{OWN}:make?download=true", "download is no option"),
        (f"{OWN}:make?path=x", "there is no 'path'"),
        (f"{OWN}:make?role=x", "there is no 'role'"),
        (f"{OWN}:make?fil=0.5", "Did you mean 'fill'.*Known: fill, label"),
        (f"{OWN}:fixed_size?fill=0.5", r"Known: \(none\)"),
        (f"{OWN}:make?fill=inf", "NaN or infinite"),
        (f"{OWN}:make?label=2", "labels run from 0 to 2; they must be 0 to 1"),
        ("csv:reviews.csv?text=1&label=2", "this is text.*nas-kd pretrain --space autodistil"),
        ("text:corpus", "this is text"),
        ("tsv:a.tsv?column=1", "this is text"),
        ("reviews.csv?text=text&label=label", "this is text.*nas-kd distill RUN --task"),
        ("books/one.txt", "this is text"),
        ("hfds:imdb?text=text&label=label", "this is text"),
        ("folde:pets/", "Did you mean 'folder'"),
        ("digit", "Did you mean 'digits'"),
        ("npz:", "say where it lies"),
        ("digits?channel=3", "Did you mean 'channels'"),
        ("digits?channels=2", "give 1 .* or 3"),
        ("digits?channels=many", "positive integer"),
    ],
)
def test_what_cannot_be_loaded(source: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_data(source)


def test_image_size_is_never_ignored() -> None:
    assert load_data("digits", image_size=16).input_shape == (1, 16, 16)
    with pytest.raises(UsageError, match="let the factory take image_size"):
        load_data(f"{OWN}:fixed_size", image_size=9)
    with pytest.raises(UsageError, match="image_size is 0"):
        load_data("digits", image_size=0)


def test_specifications() -> None:
    spec = SourceSpec.parse("timm:vit?img_size=32&drop=0.5&pretrained=false&act=relu")
    assert (spec.kind, spec.target) == ("timm", "vit")
    assert spec.options == {"img_size": 32, "drop": 0.5, "pretrained": False, "act": "relu"}
    assert SourceSpec.parse("folder:/a/what?/b").target == "/a/what?/b"
    assert SourceSpec.parse("a.b:c.d").is_import_path
    assert not SourceSpec.parse("a/b:c").is_import_path
