"""Tables of text: TSV and CSV with columns by name or number."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name


@dataclass(frozen=True)
class Table:
    """Rows of text fields.

    Attributes:
        columns: Names of the columns; ``1``, ``2``, ... where there is no header.
        rows: The fields of each row, with its line in the file.
        header: Whether the first line of the file named the columns.
        where: What was read, for messages.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[int, Sequence[str]]]
    header: bool
    where: str

    def column(self, name: str | int) -> list[str]:
        """The fields of a column, see `place`.

        Raises:
            UsageError: There is no such column, or a row ends before it.
        """
        index = self.place(name) - 1
        for line, fields in self.rows:
            if len(fields) <= index:
                raise UsageError(
                    f"{self.where}: line {line} has {len(fields)} fields and column {name!r} is "
                    f"number {index + 1}. Mend the line."
                )
        return [fields[index] for _, fields in self.rows]

    def place(self, name: str | int) -> int:
        """The number, counted from 1, of the column that ``name`` names or is the number of.

        Raises:
            UsageError: There is no such column.
        """
        if isinstance(name, int):
            if 1 <= name <= len(self.columns):
                return name
        elif name in self.columns:
            return self.columns.index(name) + 1
        known = unknown_name(f"{self.where}, columns", str(name), list(self.columns))
        first = (
            " The first line is read as their names; header=false says that it is a row."
            if self.header
            else ""
        )
        raise UsageError(f"{known}{first} A whole number is always a place, counted from 1.")


def read_table(content: str, kind: str, *, header: bool, where: str) -> Table:
    """Reads a table; empty lines are passed over.

    Args:
        content: The file.
        kind: ``tsv``: fields end at tabs, and quotes are text. ``csv``: commas, and fields in
            double quotes may hold commas and line breaks.
        header: Whether the first line names the columns.
        where: What is read, for messages.

    Raises:
        UsageError: There is no row, or it is not CSV: quotes are not closed, or a row holds more
            than there are columns, as where a field with a comma is not quoted.
    """
    lines = _csv(content, where) if kind == "csv" else _tsv(content)
    filled = [(number, fields) for number, fields in lines if any(fields)]
    if len(filled) <= header:
        raise UsageError(f"{where}: there are no rows.")
    first = filled[0][1]
    columns = list(first) if header else [str(number + 1) for number in range(len(first))]
    if kind == "csv":
        _require_no_more(len(columns), filled, where)
    return Table(columns, filled[header:], header, where)


def _require_no_more(columns: int, rows: Sequence[tuple[int, Sequence[str]]], where: str) -> None:
    for line, fields in rows:
        if any(fields[columns:]):
            raise UsageError(
                f"{where}: line {line} has {len(fields)} fields and there are {columns} columns. "
                "Put fields that hold commas in double quotes, or give a TSV."
            )


def _tsv(content: str) -> list[tuple[int, Sequence[str]]]:
    return [
        (number, line.rstrip("\r").split("\t"))
        for number, line in enumerate(content.split("\n"), start=1)
    ]


def _csv(content: str, where: str) -> list[tuple[int, Sequence[str]]]:
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        return [(reader.line_num, fields) for fields in reader]
    except csv.Error as error:
        raise UsageError(
            f"{where}: line {reader.line_num} is not CSV ({error}). Mend the line, or give a TSV."
        ) from error
