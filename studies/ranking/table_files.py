"""Files of trained architectures, read into text cells: CSV with a header line, or JSON lists."""

from __future__ import annotations

import gzip
import json
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.errors import ParserWarning

from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name

ENDINGS = (".csv", ".csv.gz", ".json", ".json.gz")
_MARK = "#"


def read_cells(table: Path) -> pd.DataFrame:
    """The table with every cell as text: an architecture may be digits with leading zeros.

    Args:
        table: A file with one of `ENDINGS`. A JSON file holds a list of rows, or an object of such
            lists; ``FILE.json#NAME,NAME`` names those to take, one after the other. A row is an
            object; what is no text in it is written as JSON, null as an empty cell.

    Raises:
        UsageError: The file is missing, has another ending, or cannot be read.
    """
    path, names = _split(table)
    if not path.is_file():
        raise UsageError(f"table: there is no file {path}. Check --table.")
    if not path.name.lower().endswith(ENDINGS):
        raise UsageError(
            f"table: {path} ends in none of {', '.join(ENDINGS)}. Give a CSV file with a header "
            "line or a JSON file of rows, as it is or compressed by gzip, and name it so."
        )
    try:
        return _named_once(_from_json(path, names) if _is_json(path) else _from_csv(path))
    except UsageError:
        raise
    except (OSError, EOFError, ValueError, RecursionError, zlib.error, ParserWarning) as error:
        raise UsageError(
            f"table: {path} cannot be read ({str(error).strip()}). Give a CSV file with a header "
            "line or a JSON file of rows, plain or compressed by gzip as its name says (.csv.gz)."
        ) from error


def _split(table: Path) -> tuple[Path, list[str]]:
    """The file, and the lists of it that are named behind a ``#``."""
    head, mark, tail = str(table).rpartition(_MARK)
    if not mark or table.is_file() or not _is_json(Path(head)):
        return table, []
    return Path(head), [name.strip() for name in tail.split(",") if name.strip()]


def _is_json(path: Path) -> bool:
    return path.name.lower().endswith((".json", ".json.gz"))


def _from_csv(path: Path) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ParserWarning)  # of cells beyond the header
        frame = pd.read_csv(
            path, dtype=str, na_filter=False, index_col=False, encoding="utf-8-sig", header=None,
            compression="gzip" if path.suffix.lower() == ".gz" else None,
        ).fillna("")  # fmt: skip
    header, cells = frame.iloc[0], frame.iloc[1:]
    return cells.set_axis(list(header), axis="columns").reset_index(drop=True)


def _named_once(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with its columns' names bare; two of one name would leave open which counts."""
    named = frame.rename(columns=str.strip)
    twice = [name for name in named.columns[named.columns.duplicated()] if name]
    if twice:
        raise ValueError(f"column {twice[0]!r} is there more than once")
    return named


def _from_json(path: Path, names: list[str]) -> pd.DataFrame:
    content = path.read_bytes()
    if path.suffix.lower() == ".gz":
        content = gzip.decompress(content)
    rows = [row for part in _lists(json.loads(content), names, path) for row in part]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise ValueError(f"row {number} is no object of columns")
    if not rows:
        raise ValueError("it holds no rows")
    return pd.DataFrame([_texts(row) for row in rows]).fillna("")


def _lists(document: Any, names: list[str], path: Path) -> list[list[Any]]:
    """The named lists of rows; without a name, the only one."""
    if isinstance(document, list):
        document = {"": document}
    lists = {
        name: rows
        for name, rows in (document.items() if isinstance(document, dict) else ())
        if isinstance(rows, list)
    }
    for name in names:
        if name not in lists:
            if not any(lists):
                raise ValueError(f"it holds no named lists: leave out {_MARK}{','.join(names)}")
            raise UsageError(unknown_name(f"lists of {path}", name, list(lists)))
    if not names and len(lists) != 1:
        raise ValueError(
            f"it holds {len(lists)} lists of rows ({', '.join(lists)}): name one or more of them "
            f"behind a {_MARK}, as in {path.name}{_MARK}{','.join(list(lists)[:2])}"
            if lists
            else "it holds no list of rows"
        )
    return [lists[name] for name in names or lists]


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
