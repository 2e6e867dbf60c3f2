"""The picture and the table of a pre-training's metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from nas_kd.report.metrics_plot import draw_metrics
from nas_kd.report.pretraining.tables import metrics_table


def _csv(folder: Path, metrics: int, units: int) -> Path:
    names = [f"metric_{number}" for number in range(metrics)]
    lines = [
        ",".join(["unit", *names, "seconds"]),
        *(
            ",".join(map(str, [u, *(u * m for m in range(metrics)), 2.5]))
            for u in range(1, 1 + units)
        ),
    ]
    path = folder / "metrics.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(("metrics", "rows"), [(1, 1), (3, 1), (4, 2), (5, 2)])
def test_only_metrics_have_a_panel(metrics: int, rows: int, tmp_path: Path) -> None:
    picture = draw_metrics(_csv(tmp_path, metrics, 4), tmp_path / "metrics.png", title="a $method")
    with Image.open(picture) as image:
        grey = np.asarray(image.convert("L"))
    height, width = grey.shape[0] / (0.7 + 2.1 * rows), grey.shape[1]
    last_row = grey[int(height * (0.7 + 2.1 * (rows - 1))) :]
    for column in range(3):
        panel = last_row[:, int((column + 0.25) * width / 3) : int((column + 0.75) * width / 3)]
        is_there = (rows - 1) * 3 + column < metrics
        assert (panel.min() < 200) == is_there


def test_a_metric_that_is_not_measured_in_every_unit_is_a_line(tmp_path: Path) -> None:
    rows = [f"{unit},{unit if unit % 10 == 0 else ''},2.5" for unit in range(1, 51)]
    csv = tmp_path / "metrics.csv"
    csv.write_text("\n".join(["unit,alpha_eigenvalue,seconds", *rows]) + "\n")
    with Image.open(draw_metrics(csv, tmp_path / "metrics.png", title="darts")) as image:
        colours = np.asarray(image.convert("RGB")).reshape(-1, 3)
    line = (abs(colours.astype(int) - np.array([0x0B, 0x6F, 0xB8])).sum(1) < 30).sum()
    assert line > 300  # pixels: five markers and the line between them


def test_the_table_shows_the_first_middle_and_last_unit(tmp_path: Path) -> None:
    csv = _csv(tmp_path, 2, 9)
    csv.write_text(csv.read_text().replace("metric_0", "val_accuracy"))
    console = Console(width=80, record=True, file=(tmp_path / "out").open("w"))
    console.print(metrics_table(pd.read_csv(csv)))
    text = console.export_text()
    assert [words in text for words in ("unit 1", "unit 5", "unit 9", "unit 2")] == [
        True, True, True, False,
    ]  # fmt: skip
    (row,) = (line for line in text.splitlines() if "metric 1" in line)
    assert row.split()[-3:] == ["1", "5", "9"]
    (row,) = (line for line in text.splitlines() if "val accuracy" in line)
    assert row.count("0.00 %") == 3
