"""The page and the tables of a pre-training."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from nas_kd.errors import UsageError
from nas_kd.report.pretraining.document import read_pretraining
from nas_kd.report.pretraining.facts import last_line
from nas_kd.report.pretraining.families import families, principal
from nas_kd.report.pretraining.figures import metric_figures
from nas_kd.report.pretraining.tables import pretraining_tables
from nas_kd.report.pretraining.writing import write_pretraining_report
from tests.report.pretraining_run import ARCH, finished, row, unfinished


class _Page(HTMLParser):
    """What a browser would fetch, and the texts of headings."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.headings: dict[str, list[str]] = {"h2": [], "h3": []}
        self._tag = ""
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.fetched += [f"{tag} {value}" for name, value in attributes if name in ("src", "href")]
        self._tag = tag

    def handle_data(self, data: str) -> None:
        if self._tag in self.headings:
            self.headings[self._tag].append(data)
        self._tag = ""


CURVES = [
    "Loss", "Accuracy", "Discretisation gap", "Skips", "Alpha entropy", "Alpha eigenvalue",
]  # fmt: skip


def test_the_page_of_a_finished_search_for_cells(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run")
    written = write_pretraining_report(folder)
    assert [path.name for path in written] == ["metrics.png", "architecture.png", "report.html"]
    page = _Page(folder.path / "report.html")
    assert page.fetched == []
    assert page.headings["h2"] == [
        "The cell that was found",
        "Metrics of every unit",
        "First, middle and last unit",
        "Where the time went",
        "Settings",
    ]
    assert page.headings["h3"] == CURVES
    assert page.text.count("Plotly.newPlot(") == len(CURVES)
    assert page.text.count("plotly.js v") == 1
    for told in (
        "sd-darts on nasbench201: data digits, seed 3. 4 units, 2 min 00 s.",
        "2302.05629",
        "|nor_conv_3x3~0|",
        "The search has leant to it since unit 3 of 4.",
        "<b>40.00 %</b><span>cell accuracy</span>",
        "epochs = 4",
        "channels = 4",
    ):
        assert told in page.text, told
    assert "cost_table" not in page.text
    with Image.open(folder.path / "architecture.png") as picture:
        assert picture.width == 1536


def test_an_unfinished_one_shows_what_there_is(tmp_path: Path) -> None:
    folder = unfinished(tmp_path / "run", 2)
    assert [path.name for path in write_pretraining_report(folder)] == [
        "metrics.png",
        "report.html",
    ]
    page = _Page(folder.path / "report.html")
    assert "The cell that was found" not in page.headings["h2"]
    assert "2 units so far" in page.text
    assert write_pretraining_report(unfinished(tmp_path / "other", 0)) == []


def test_a_cell_that_an_early_stop_brought_back_is_told(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run", stopped_early=True, went_back_to=2)
    write_pretraining_report(folder)
    text = (folder.path / "report.html").read_text()
    told = "The search was stopped after unit 4 and went back to this cell, that of unit 2."
    assert told in text


def test_what_comes_from_outside_is_escaped(tmp_path: Path) -> None:
    attack = "<script>alert(1)</script>"
    folder = unfinished(tmp_path / "run", 0)
    other = type(folder)(tmp_path / "attacked")
    job = {**(folder.job() or {}), "data": attack, "method": attack}
    other.claim(job)
    other.write_metrics([{"unit": 1, f"{attack}_loss": 1.0, attack: 2.0, "seconds": 3.0}])
    write_pretraining_report(other)
    assert "<script>alert" not in (other.path / "report.html").read_text()


def test_curves_leave_out_units_without_the_metric() -> None:
    metrics = pd.DataFrame([row(unit) for unit in range(1, 5)])
    shown = {figure.name: figure.figure for figure in metric_figures(metrics)}
    (eigenvalue,) = shown["alpha_eigenvalue"].data
    assert (list(eigenvalue.x), list(eigenvalue.y)) == ([2, 4], [0.5, 1.0])
    assert [trace.name for trace in shown["loss"].data] == ["train loss", "validation loss"]
    assert shown["accuracy"].layout.yaxis.tickformat == ".0%"
    assert shown["loss"].layout.yaxis.tickformat is None


@pytest.mark.parametrize(
    ("columns", "names", "chosen", "better"),
    [
        (["unit", *row(2)], ["loss", "accuracy"], "cell_accuracy", True),
        (
            ["loss", "labels", "validation_largest", "validation_smallest"],
            ["loss", "labels", "validation"],
            "validation_largest",
            True,
        ),
        (
            ["loss_largest", "loss_smallest", "held_out_largest", "held_out_middle"],
            ["loss", "held_out"],
            "held_out_largest",
            False,
        ),
        (["size", "seconds"], ["size"], "size", False),
    ],
)
def test_metrics_of_all_methods_have_families(
    columns: list[str], names: list[str], chosen: str, better: bool
) -> None:
    found = families(columns)
    assert [family.name for family in found][: len(names)] == names
    name, family = principal(found)
    assert (name, family.is_share) == (chosen, better)


def test_the_document_and_the_tables(tmp_path: Path) -> None:
    running = read_pretraining(unfinished(tmp_path / "running", 2))
    assert (running["units"], running["seconds"], running["supernet"]) == (2, 60.0, None)
    assert last_line(running).startswith("unit 2: train loss 1.25, validation loss 1.75, supernet")
    assert "cell accuracy 20.00 %" in last_line(running)
    document = read_pretraining(finished(tmp_path / "run"))
    text = _printed(document)
    assert "4 units, 2 min 00 s." in text
    assert re.search(r"train loss\s+2.5\s+1.25\s+0.625", text)
    assert "|nor_conv_3x3~0|" in text
    nothing = read_pretraining(unfinished(tmp_path / "nothing", 0))
    assert (nothing["last"], last_line(nothing)) == (None, "")
    assert "0 units so far" in _printed(nothing)


@pytest.mark.parametrize("text", ["", "unit,seconds\n1,many\n", "loss\n1\n", "\0\xff"])
def test_damaged_metrics_are_told(tmp_path: Path, text: str) -> None:
    folder = unfinished(tmp_path / "run", 1)
    folder.metrics_csv.write_text(text)
    with pytest.raises(UsageError, match=r"metrics\.csv is damaged"):
        read_pretraining(folder)


def _printed(document: dict[str, Any]) -> str:
    console = Console(width=140, record=True, file=StringIO())
    for part in pretraining_tables(document):
        console.print(part)
    return console.export_text()


@pytest.mark.parametrize("operation", ["skip_connect", "none"])
def test_a_cell_of_no_use_is_warned_of(tmp_path: Path, operation: str) -> None:
    folder = finished(tmp_path / "run", arch=dict.fromkeys(ARCH, operation))
    write_pretraining_report(folder)
    document = read_pretraining(folder)
    told = {"skip_connect": "the search has collapsed", "none": "does not depend on its input"}
    assert told[operation] in document["warning"]
    skips = f"Skip connections: {6 if operation == 'skip_connect' else 0} of 6."
    for shown in (_printed(document), (folder.path / "report.html").read_text()):
        words = " ".join(shown.split())
        assert f"Warning: {document['warning']}" in words
        assert skips in words
    sound = read_pretraining(finished(tmp_path / "other"))
    assert sound["warning"] is None
    assert "Warning" not in _printed(sound)
