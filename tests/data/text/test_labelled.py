"""Labelled texts: classes, pairs and scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas_kd.data.text import load_labelled_texts
from nas_kd.errors import UsageError
from tests.data.text.real import real_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.tsv").write_text("s1\ts2\ty\tz\n" + "a b\tc\t10\t0.5\nd\te f\t9\t1\n" * 6)
    (tmp_path / "dev.tsv").write_text("s1\ts2\ty\tz\ng\th\t9\t2.5\n")
    return tmp_path


def test_classes_are_numbered_by_their_size(folder: Path) -> None:
    task = load_labelled_texts(f"tsv:{folder}?train=train.tsv&validation=dev.tsv&text=s1&label=y")
    assert task.classes == ("9", "10")
    assert task.outputs == 2
    assert task.train.targets.tolist() == [1, 0] * 6
    assert task.train.texts[:2] == ("a b", "d")
    assert task.train.seconds is None
    assert task.validation.texts == ("g",)
    assert task.validation.targets.tolist() == [0]


def test_pairs_with_scores(folder: Path) -> None:
    task = load_labelled_texts(
        f"tsv:{folder}?train=train.tsv&validation=dev.tsv&text=s1&second=s2&label=z&regression=true"
    )
    assert task.is_regression
    assert task.outputs == 1
    assert task.train.seconds == ("c", "e f") * 6
    assert task.train.targets.tolist() == [0.5, 1.0] * 6


def test_without_a_validation_file_every_class_is_held_out_in_its_share(folder: Path) -> None:
    source = f"tsv:{folder}/train.tsv?text=s1&label=y"
    first, second = (load_labelled_texts(source, seed=1, validation_share=0.5) for _ in range(2))
    assert first.validation.targets.bincount().tolist() == [3, 3]
    assert len(first.train) == 6
    assert first.validation.texts == second.validation.texts


def test_a_whole_number_is_a_place_whatever_the_first_line_holds(tmp_path: Path) -> None:
    table = tmp_path / "reviews.csv"
    table.write_text("great movie,1\n" + "bad,0\ngood,1\n" * 6)
    task = load_labelled_texts(f"{table}?text=1&label=2&header=false")
    assert set(task.train.texts) <= {"great movie", "good", "bad"}
    assert task.classes == ("0", "1")
    assert len(task.train) + len(task.validation) == 13
    assert load_labelled_texts(f"{table}?text=1&label=2").classes == ("0", "1")
    with pytest.raises(UsageError, match="header=false says that it is a row"):
        load_labelled_texts(f"{table}?text=text&label=label")


def test_a_saved_data_set_with_its_own_splits(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {"one": ["a", "b"], "two": ["c", "d"], "label": [0, 1]}
    found = datasets.Dataset.from_dict(rows)
    datasets.DatasetDict({"train": found, "validation": found}).save_to_disk(tmp_path)
    task = load_labelled_texts(f"hfds:{tmp_path}?text=one&second=two&label=label")
    assert task.classes == ("0", "1")
    assert task.validation.seconds == ("c", "d")
    with pytest.raises(UsageError, match="text and label are the same column"):
        load_labelled_texts(f"hfds:{tmp_path}?text=label&label=label")


def test_classes_that_a_data_set_names(tmp_path: Path) -> None:
    """They keep its order, whether or not all of them occur."""
    datasets = pytest.importorskip("datasets")
    kind = datasets.ClassLabel(names=["yes", "no", "maybe"])
    features = datasets.Features({"text": datasets.Value("string"), "label": kind})

    def split(*labels: int) -> Any:
        rows = {"text": [f"text {label}" for label in labels], "label": list(labels)}
        return datasets.Dataset.from_dict(rows, features=features)

    sets = {"train": split(1, 0), "validation": split(0, 2), "hidden": split(-1, -1)}
    datasets.DatasetDict(sets).save_to_disk(tmp_path)
    source = f"hfds:{tmp_path}?text=text&label=label"
    task = load_labelled_texts(source)
    assert task.classes == ("yes", "no", "maybe")
    assert task.train.targets.tolist() == [1, 0]
    assert task.validation.targets.tolist() == [0, 2]
    assert load_labelled_texts(f"{source}&regression=true").train.targets.tolist() == [1.0, 0.0]
    with pytest.raises(UsageError, match="the label -1 is none of the 3 classes"):
        load_labelled_texts(f"{source}&validation=hidden")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("good,1\ngreat, really,1\n", "line 3 has 3 fields and there are 2 columns"),
        ("good,1\nbad,\nlost\n", "line 4 has 1 fields"),
        ("good,1\nbad,0\nwho knows,\nor this, \n", "2 of 4 examples have no label"),
        ("good,1\nbad,bad\ngood,1\n", "class bad has one example"),
        ("good,1.5\nbad,.5\nbetter,2\n", "class .* has one example.*add &regression=true"),
    ],
)
def test_rows_of_csv_that_would_be_misread(tmp_path: Path, rows: str, message: str) -> None:
    table = tmp_path / "reviews.csv"
    table.write_text(f"text,label\n{rows}")
    with pytest.raises(UsageError, match=message):
        load_labelled_texts(f"{table}?text=text&label=label")


def test_spaces_around_labels_and_empty_fields_behind_them_mean_nothing(tmp_path: Path) -> None:
    table = tmp_path / "reviews.csv"
    table.write_text("text,label\n" + "good,1,,\nbad, 0 ,\ngreat, 1\nawful,0\n" * 3)
    assert load_labelled_texts(f"{table}?text=text&label=label").classes == ("0", "1")


def test_a_data_set_with_missing_labels(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {"text": ["a", None, "b"], "label": ["yes", "no", None]}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path)
    with pytest.raises(UsageError, match="1 of 3 examples have no label"):
        load_labelled_texts(f"hfds:{tmp_path}?text=text&label=label")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("?train=train.tsv&text=s1", "name the column of its label"),
        ("?text=s1&label=y", "matches 2 files"),
        ("?train=train.tsv&text=s1&label=w", "there is no 'w'"),
        ("?train=train.tsv&validation=dev.tsv&text=s1&label=s2", "does not occur among"),
        ("?train=train.tsv&text=s2&label=s1&regression=true", "is not a number"),
        ("?train=train.tsv&text=s1&label=s1", "text and label are the same column"),
        ("?train=train.tsv&text=s1&second=1&label=y", "text and second are the same column"),
        ("?train=dev.tsv&text=s1&label=y", "two"),
        ("?train=train.tsv&text=s1&label=y&labels=y", "there is no 'labels'"),
    ],
)
def test_what_does_not_fit_is_named(folder: Path, options: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_labelled_texts(f"tsv:{folder}{options}")


@pytest.mark.parametrize(
    ("options", "train", "dev", "outputs"),
    [
        ("SST-2/{}.tsv&text=sentence&label=label", 67_349, 872, 2),
        ("CoLA/{}.tsv&text=4&label=2&header=false", 8_551, 1_043, 2),
        ("MRPC/{}.tsv&text=#1 String&second=#2 String&label=Quality", 3_667, 408, 2),
        ("RTE/{}.tsv&text=sentence1&second=sentence2&label=label", 2_490, 277, 2),
        (
            "STS-B/{}.tsv&text=sentence1&second=sentence2&label=score&regression=true",
            5_749,
            1_500,
            1,
        ),
    ],
)
def test_the_real_tasks(options: str, train: int, dev: int, outputs: int) -> None:
    path = real_file("glue_small.zip")
    name, _, columns = options.partition("&")
    files = f"train={name.format('train')}&validation={name.format('dev')}"
    task = load_labelled_texts(f"tsv:{path}?{files}&{columns}")
    assert (len(task.train), len(task.validation), task.outputs) == (train, dev, outputs)
