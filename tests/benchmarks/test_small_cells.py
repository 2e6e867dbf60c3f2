"""What the rows of the cell searches say."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from benchmarks import small_cells
from search_spaces import NasBench201

SPACE = NasBench201()


def _row(seed: int, config: str, accuracy: float, skips: float) -> dict[str, Any]:
    figures = dict.fromkeys(small_cells.FIGURES, 1.0)
    known = not math.isnan(accuracy)
    row = {**figures, "c10_accuracy": accuracy, "skips": skips, "in_table": known}
    return {"config": config, "seed": seed, **row}


def test_means_say_of_how_many_cells_they_are() -> None:
    rows = [_row(3, "b", 90.0, 2.0), _row(4, "b", math.nan, 4.0), _row(3, "a", 80.0, 0.0)]
    of_b, of_a = small_cells.mean_rows(rows, ("config",))
    assert (of_b["config"], of_b["seed"], of_b["in_table"]) == ("b", "mean", 1)
    assert (of_b["c10_accuracy"], of_b["skips"]) == (90.0, 3.0)
    assert (of_a["config"], of_a["in_table"], of_a["c10_accuracy"]) == ("a", 1, 80.0)


def test_a_cell_that_is_not_in_the_table_has_no_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    known, unknown = SPACE.arch_at(0), SPACE.arch_at(1)
    table = pd.DataFrame({name: [50.0] for name in small_cells.TABLE.values()}, index=[0])
    monkeypatch.setattr(small_cells, "_table", lambda: table)
    found, missing = (small_cells.worth(dict(arch)) for arch in (known, unknown))
    assert (found["index"], found["c10_accuracy"], found["in_table"]) == (0, 50.0, True)
    assert missing["cell"] == SPACE.describe(unknown)
    assert math.isnan(missing["c10_accuracy"])
    assert not missing["in_table"]
