"""Labelled texts by specification."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from nas_kd.data.sources.hf_datasets import class_names, open_sets
from nas_kd.data.splitting import stratified_split
from nas_kd.data.text.corpus import column_option, dataset_column
from nas_kd.data.text.files import read_files
from nas_kd.data.text.labelled import LabelledTexts, TextExamples
from nas_kd.data.text.tables import read_table
from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name
from nas_kd.source_spec import SourceSpec

_COMMON = ("text", "second", "label", "regression", "train", "validation")
_OPTIONS = {
    "tsv": (*_COMMON, "header"),
    "csv": (*_COMMON, "header"),
    "hfds": (*_COMMON, "config"),
}
_VALIDATION_SPLITS = ("validation", "valid", "val", "dev")


@dataclass(frozen=True)
class _Columns:
    """Examples as they are read, labels still text; ``classes`` where the source names them."""

    texts: list[str]
    seconds: list[str] | None
    labels: list[str]
    classes: tuple[str, ...] | None = None


def load_labelled_texts(
    source: str, *, seed: int = 0, validation_share: float = 0.1
) -> LabelledTexts:
    """Loads the labelled texts that ``source`` names.

    Args:
        source: ``tsv:PATH``, ``csv:PATH`` or ``hfds:NAME_OR_FOLDER`` with the options ``text``,
            ``label`` and, for pairs, ``second``: columns by name or, of tables, by whole numbers
            that are always places counted from 1, as in
            ``tsv:glue.zip?train=SST-2/train.tsv&validation=SST-2/dev.tsv&text=sentence&label=label``.
            ``train`` and ``validation`` name files in a folder or archive, or splits of a data
            set; without the latter, validation examples are cut out. ``regression=true`` takes
            the labels as scores; ``header=false`` says that the first line is a row. Before a
            path that ends in ``.tsv`` or ``.csv``, the kind may be left out. Classes are those
            that a data set names, in its order, else the labels that occur.
        seed: Decides which training examples are cut out for validation.
        validation_share: Share that is cut out.

    Raises:
        UsageError: The source does not exist, or what it holds cannot be used.
        NasKdError: A data set cannot be fetched because the network cannot be reached.
    """
    spec = _parsed(source)
    if spec.kind not in _OPTIONS:
        raise UsageError(unknown_name("text", spec.kind, list(_OPTIONS)))
    spec.require_options(_OPTIONS[spec.kind])
    where = f"text {spec.text}"
    if not spec.target:
        raise UsageError(f"{where}: say where it lies, as in {spec.kind}:PATH.")
    train, validation = (_of_sets if spec.kind == "hfds" else _of_files)(spec, where)
    classes = () if spec.flag("regression", False) else train.classes or _occurring(train.labels)
    learned = _examples(train, classes, f"{where}, train")
    name = Path(spec.word("train") or spec.target).with_suffix("").as_posix()
    if validation is not None:
        return LabelledTexts(
            name, learned, _examples(validation, classes, f"{where}, validation"), classes
        )
    strata = learned.targets if classes else torch.zeros(len(learned), dtype=torch.int64)
    try:
        first, second = stratified_split(strata, validation_share, seed, where, classes or None)
    except UsageError as error:
        if classes and all(map(_is_number, classes)):
            advice = "If the labels are scores, add &regression=true."
            raise UsageError(str(error), advice) from error
        raise
    return LabelledTexts(name, learned.subset(first), learned.subset(second), classes)


def _parsed(source: str) -> SourceSpec:
    spec = SourceSpec.parse(source)
    kind = Path(spec.kind).suffix.removeprefix(".").lower()
    return spec if spec.target or kind not in _OPTIONS else SourceSpec.parse(f"{kind}:{source}")


def _of_files(spec: SourceSpec, where: str) -> tuple[_Columns, _Columns | None]:
    held_out = spec.word("validation")
    train = _table_columns(spec, spec.word("train") or f"*.{spec.kind}", where)
    return train, None if held_out is None else _table_columns(spec, held_out, where)


def _table_columns(spec: SourceSpec, pattern: str, where: str) -> _Columns:
    files = read_files(spec.target, pattern, where)
    if len(files) > 1:
        raise UsageError(
            f"{where}: {pattern!r} matches {len(files)} files ({', '.join(list(files)[:3])}); name "
            "one, as in ?train=SST-2/train.tsv&validation=SST-2/dev.tsv."
        )
    ((name, content),) = files.items()
    header = spec.flag("header", True)
    table = read_table(content, spec.kind, header=header, where=f"{where}, {name}")
    names = _column_names(spec)
    _require_different({role: table.place(name) for role, name in names.items()}, where)
    found = {role: table.column(name) for role, name in names.items()}
    labels = [label.strip() for label in found["label"]]
    return _Columns(found["text"], found.get("second"), labels)


def _column_names(spec: SourceSpec) -> dict[str, str | int]:
    """What each column is for, to its name or number."""
    roles = ("text", *(("second",) if "second" in spec.options else ()), "label")
    return {role: column_option(spec, role) for role in roles}


def _require_different(columns: Mapping[str, object], where: str) -> None:
    """Raises `UsageError` where two of ``columns``, each under what it is for, are the same."""
    role_of: dict[object, str] = {}
    for role, column in columns.items():
        if column in role_of:
            raise UsageError(
                f"{where}: {role_of[column]} and {role} are the same column ({column}). Name "
                "another one for either."
            )
        role_of[column] = role


def _of_sets(spec: SourceSpec, where: str) -> tuple[_Columns, _Columns | None]:
    sets = open_sets(spec, where)
    train = spec.word("train") or "train"
    held_out = spec.word("validation") or next(filter(sets.__contains__, _VALIDATION_SPLITS), None)
    for split in (train, held_out):
        if split is not None and split not in sets:
            raise UsageError(unknown_name(f"{where}, splits", split, list(sets)))

    names = {role: str(name) for role, name in _column_names(spec).items()}
    _require_different(names, where)

    def columns(split: str) -> _Columns:
        found = {role: dataset_column(sets[split], name, where) for role, name in names.items()}
        texts, seconds, labels = found["text"], found.get("second"), found["label"]
        classes = class_names(sets[split], names["label"])
        if classes is None or spec.flag("regression", False):
            return _Columns(texts, seconds, labels)
        named = _named(labels, classes, f"{where}, {split}")
        return _Columns(texts, seconds, named, tuple(classes))

    return columns(train), None if held_out is None else columns(held_out)


def _named(numbers: list[str], names: list[str], where: str) -> list[str]:
    """The names of classes that are given by number."""
    of_number = {str(number): name for number, name in enumerate(names)}
    if unknown := set(numbers) - of_number.keys():
        raise UsageError(
            f"{where}: the label {min(unknown)} is none of the {len(names)} classes that the data "
            "set names. Take a split that has labels, or mend it."
        )
    return [of_number[number] for number in numbers]


def _occurring(labels: list[str]) -> tuple[str, ...]:
    """The labels that occur; numbers by their size, other ones by the alphabet."""
    names = sorted(set(labels))
    if all(name.removeprefix("-").isdecimal() for name in names):
        names.sort(key=int)
    return tuple(names)


def _examples(columns: _Columns, classes: tuple[str, ...], where: str) -> TextExamples:
    seconds = None if columns.seconds is None else tuple(columns.seconds)
    if empty := columns.labels.count(""):
        raise UsageError(
            f"{where}: {empty} of {len(columns.labels)} examples have no label. Label them, or "
            "leave them out."
        )
    if not classes:
        scores = torch.tensor([_score(label, where) for label in columns.labels])
        return TextExamples(tuple(columns.texts), seconds, scores)
    numbers = {name: number for number, name in enumerate(classes)}
    for label in columns.labels:
        if label not in numbers:
            raise UsageError(
                f"{where}: the label {label!r} does not occur among the training examples "
                f"({', '.join(classes[:5])}). Mend the label, or add examples of it."
            )
    targets = torch.tensor([numbers[label] for label in columns.labels], dtype=torch.int64)
    return TextExamples(tuple(columns.texts), seconds, targets)


def _score(label: str, where: str) -> float:
    if not _is_number(label):
        raise UsageError(f"{where}: the score {label!r} is not a number. Mend the row.")
    return float(label)


def _is_number(label: str) -> bool:
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False
