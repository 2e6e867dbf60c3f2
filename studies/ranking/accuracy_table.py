"""`AccuracyTable`: architectures and what was found by training them, from a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name
from search_spaces import Arch, SearchSpace
from studies.ranking.table_files import read_cells

FEWEST_ROWS = 10
"""Below that a rank correlation says nothing."""

_MISSING = ("", "nan", "na", "n/a", "none", "null")
_WHOLE_NUMBER = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class AccuracyTable:
    """Rows of a table, in its order.

    Attributes:
        archs: As the table writes them.
        functions: Their canonical representatives; rows with the same one compute the same.
        target: What the scores should rank, finite, ``(row,)``.
        beside: Other columns to judge by the same target, by name; NaN where empty.
        dropped: Rows of the file without a finite target, which are left out.
    """

    archs: list[Arch]
    functions: list[Arch]
    target: np.ndarray
    beside: dict[str, np.ndarray]
    dropped: int

    def __len__(self) -> int:
        return len(self.archs)

    def sample(self, size: int, seed: int) -> AccuracyTable:
        """``size`` rows drawn at random, in the table's order; all when there are no more."""
        if size >= len(self):
            return self
        drawn = np.sort(np.random.default_rng(seed).choice(len(self), size, replace=False))
        return replace(
            self,
            archs=[self.archs[row] for row in drawn],
            functions=[self.functions[row] for row in drawn],
            target=self.target[drawn],
            beside={name: values[drawn] for name, values in self.beside.items()},
        )

    def require_rankable(self, name: str) -> None:
        """Raises `UsageError` unless there are enough rows, with different targets.

        Args:
            name: What to call the table in the message.
        """
        if len(self) < FEWEST_ROWS:
            raise UsageError(
                f"table: {name} has {len(self)} usable rows ({self.dropped} without a target were "
                f"left out); a ranking needs at least {FEWEST_ROWS}."
            )
        if np.ptp(self.target) == 0:
            raise UsageError(
                f"table: the target is {self.target[0]:g} in each of the {len(self)} rows of "
                f"{name}, so there is no order to judge by; name another column with --target."
            )


def read_table(
    path: Path,
    space: SearchSpace,
    *,
    target: str,
    arch_columns: Sequence[str] = ("arch",),
    beside: Sequence[str] = (),
) -> AccuracyTable:
    """Reads a table of trained architectures.

    Args:
        path: A file as `read_cells` takes it.
        space: Whose architectures they are.
        target: Column of numbers, larger is better.
        arch_columns: The column with the architecture, as the space's ``parse`` reads it; or one
            column for each gene, in the space's order.
        beside: Further columns of numbers.

    Raises:
        UsageError: The file or a column is missing, or a row cannot be read; its number counts
            from 1 below the header.
    """
    frame = read_cells(path)
    for column in (target, *arch_columns, *beside):
        if column not in frame.columns:
            raise UsageError(unknown_name(f"columns of {path}", column, list(frame.columns)))
    values = _numbers(frame, target, path)
    usable = np.isfinite(values)
    kept = frame[usable]
    archs, functions = _archs(kept, space, arch_columns, path)
    return AccuracyTable(
        archs=archs,
        functions=functions,
        target=values[usable],
        beside={name: _numbers(kept, name, path) for name in beside},
        dropped=int((~usable).sum()),
    )


def _numbers(frame: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """The column as floats, NaN where it is empty."""
    texts = frame[column].str.strip()
    missing = texts.str.lower().isin(_MISSING)
    values = pd.to_numeric(texts.mask(missing), errors="coerce").astype(float)
    wrong = values.isna() & ~missing
    if wrong.any():
        first = int(np.argmax(wrong))
        row = int(frame.index[first]) + 1
        raise UsageError(
            f"table: {path}, row {row}: column {column} holds {texts.iloc[first]!r}, which is no "
            "number. Mend it or leave it empty, or name a column of numbers."
        )
    return values.to_numpy()


def _archs(
    frame: pd.DataFrame, space: SearchSpace, columns: Sequence[str], path: Path
) -> tuple[list[Arch], list[Arch]]:
    genes = list(space.distributions)
    if len(columns) > 1 and len(columns) != len(genes):
        raise UsageError(
            f"--arch-column: {len(columns)} columns are named, and an architecture of {space.name} "
            f"has {len(genes)} genes ({', '.join(genes)}). Name one column for each, in this "
            "order, or one that holds the whole architecture."
        )
    archs, functions = [], []
    for row, *texts in frame[list(columns)].itertuples():
        try:
            arch = space.parse(texts[0]) if len(texts) == 1 else _from_genes(genes, texts)
            functions.append(space.canonical(arch))
        except UsageError as error:
            raise UsageError(f"table: {path}, row {int(row) + 1}: {error}") from error
        archs.append(arch)
    return archs, functions


def _from_genes(genes: Sequence[str], texts: Sequence[str]) -> Arch:
    values = (text.strip() for text in texts)
    return Arch(
        {
            gene: int(value) if _WHOLE_NUMBER.fullmatch(value) else value
            for gene, value in zip(genes, values, strict=True)
        }
    )
