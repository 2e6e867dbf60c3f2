"""Unlabelled text by specification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas_kd.data.sources.hf_datasets import open_sets
from nas_kd.data.text.files import read_files
from nas_kd.data.text.tables import read_table
from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name
from nas_kd.source_spec import SourceSpec


@dataclass(frozen=True)
class Corpus:
    """Texts without labels.

    Attributes:
        name: Short name for reports.
        texts: Lines, or fields of a table, none of them blank.
    """

    name: str
    texts: tuple[str, ...]


def load_corpus(source: str) -> Corpus:
    """Loads the texts that ``source`` names.

    Args:
        source: ``text:PATH`` (every line a text), ``tsv:PATH?column=NAME``,
            ``csv:PATH?column=NAME`` or ``hfds:NAME_OR_FOLDER?column=NAME``. PATH is a file, a
            folder or a zip archive; ``files=PATTERN`` chooses files in the latter two, else all
            that end in ``.txt``, ``.tsv`` or ``.csv``. Columns are named or, of tables, counted
            from 1; ``header=false`` says that the first line is a row. Of a Hugging Face data set
            the train split is read, or ``split=NAME``; ``config=NAME`` is its configuration.

    Raises:
        UsageError: The source does not exist, or what it holds cannot be used.
        NasKdError: A data set cannot be fetched because the network cannot be reached.
    """
    spec = SourceSpec.parse(source)
    if spec.kind not in _KINDS:
        raise UsageError(unknown_name("text", spec.kind, list(_KINDS)))
    reader, known = _KINDS[spec.kind]
    spec.require_options(known)
    where = f"text {spec.text}"
    if not spec.target:
        raise UsageError(f"{where}: say where it lies, as in {spec.kind}:PATH.")
    texts = tuple(text for text in map(str.strip, reader(spec, where)) if text)
    if not texts:
        raise UsageError(f"{where}: there is no text in it.")
    return Corpus(Path(spec.target).stem, texts)


def column_option(spec: SourceSpec, name: str) -> str | int:
    """The option that names a column, as a name or a number counted from 1.

    Raises:
        UsageError: It is not given.
    """
    value = spec.options.get(name)
    if value is None or isinstance(value, bool | float):
        raise UsageError(
            f"{spec.text}: name the column of its {name}, as in ?{name}=sentence or ?{name}=2."
        )
    return value


def _lines(spec: SourceSpec, where: str) -> list[str]:
    files = read_files(spec.target, spec.word("files") or "*.txt", where)
    return [line for content in files.values() for line in content.splitlines()]


def _fields(spec: SourceSpec, where: str) -> list[str]:
    column, header = column_option(spec, "column"), spec.flag("header", True)
    files = read_files(spec.target, spec.word("files") or f"*.{spec.kind}", where)
    return [
        field
        for name, content in files.items()
        for field in read_table(content, spec.kind, header=header, where=f"{where}, {name}").column(
            column
        )
    ]


def _of_dataset(spec: SourceSpec, where: str) -> list[str]:
    sets, split = open_sets(spec, where), spec.word("split") or "train"
    if split not in sets:
        raise UsageError(unknown_name(f"{where}, splits", split, list(sets)))
    return dataset_column(sets[split], str(column_option(spec, "column")), where)


def dataset_column(dataset: Any, column: str, where: str) -> list[str]:
    """A column of a Hugging Face data set as texts, empty ones where it holds nothing.

    Raises:
        UsageError: There is no such column.
    """
    features = list(dataset.features)
    if column not in features:
        raise UsageError(unknown_name(f"{where}, columns", column, features))
    return ["" if value is None else str(value) for value in dataset[column]]


_KINDS: dict[str, tuple[Callable[[SourceSpec, str], list[str]], tuple[str, ...]]] = {
    "text": (_lines, ("files",)),
    "tsv": (_fields, ("files", "column", "header")),
    "csv": (_fields, ("files", "column", "header")),
    "hfds": (_of_dataset, ("column", "split", "config")),
}
"""Kind of source to its reader and the options that may follow ``?``."""
