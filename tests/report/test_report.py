"""The picture, the page and the tables of a run."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console

from nas_kd.report import facts, front_plot, numbers
from nas_kd.report.dashboard.note import study_note
from nas_kd.report.front_figure import front_figure
from nas_kd.report.front_plot import draw_front
from nas_kd.report.front_points import sort_points
from nas_kd.report.html import write_html
from nas_kd.report.tables import result_tables
from search_spaces import Block, Drawing
from studies.recipe import Recipe
from tests.report.dashboard_run import finished_run
from tests.report.samples import measured_of


class TestPoints:
    def test_every_distinct_candidate_has_one_place(
        self, table: pd.DataFrame, result: dict[str, Any]
    ) -> None:
        points = sort_points(table, result)
        frames = [points.scored, points.over_scored, points.over_unscored]
        assert sum(map(len, frames)) + points.degenerate == table["key"].nunique()
        keys = pd.concat(frames)["key"]
        assert keys.is_unique

    def test_the_front_the_finalists_and_the_winner_are_found(
        self, table: pd.DataFrame, result: dict[str, Any]
    ) -> None:
        points = sort_points(table, result)
        assert len(points.front) == len(result["front"])
        assert len(points.finalists) == 3
        assert points.winner["macs"].tolist() == [result["student"]["macs"]]
        assert points.front["score"].is_monotonic_increasing

    def test_what_was_measured_to_be_too_slow_is_over_the_budget_and_not_on_the_front(
        self, table: pd.DataFrame, result: dict[str, Any]
    ) -> None:
        slow = result["front"][2]
        slow["within_latency"] = False
        table.loc[table["arch"].map(json.loads) == slow["arch"], "feasible"] = False
        points = sort_points(table, result)
        assert len(points.front) == len(result["front"]) - 1
        assert points.over_scored["macs"].tolist() == [slow["macs"]]
        (line,) = [t for t in front_figure(table, result).data if t.name.startswith("front")]
        assert slow["macs"] not in line.x
        rows = facts.front_rows(result)
        assert [row[0] for row in rows if row[-1] == slow["description"]] == ["too slow"]
        assert "too slow" in _render(result, 140)

    @pytest.mark.parametrize(
        ("objectives", "plotted", "joined"),
        [
            (["score", "macs"], ("macs", "score"), True),
            (["params", "score"], ("params", "score"), True),
            (["naswot", "latency_ms"], ("predicted_latency_ms", "naswot"), True),
            (["score", "params", "macs"], ("params", "score"), False),
            (["diswot", "naswot"], ("macs", "diswot"), False),
            (["gone", "macs"], ("macs", "score"), False),
        ],
    )
    def test_what_is_plotted_are_the_objectives(
        self,
        table: pd.DataFrame,
        result: dict[str, Any],
        tmp_path: Path,
        objectives: list[str],
        plotted: tuple[str, str],
        joined: bool,
    ) -> None:
        table["predicted_latency_ms"] = 1e-7 * table["macs"]
        result["objectives"] = objectives
        points = sort_points(table, result)
        assert (points.axes.cost, points.axes.score, points.axes.joined) == (*plotted, joined)
        one = points.scored.iloc[0]
        row = table.set_index("trial").loc[one["trial"]]
        assert (one["x"], one["y"]) == tuple(row[name] for name in plotted)
        figure = front_figure(table, result)
        (front,) = [trace for trace in figure.data if trace.name.startswith("front")]
        assert ("lines" in front.mode) == joined
        assert figure.layout.xaxis.title.text == points.axes.cost_label
        assert draw_front(table, result, tmp_path / "front.png").stat().st_size > 5_000

    def test_a_run_without_a_student_has_no_winner(
        self, table: pd.DataFrame, result: dict[str, Any]
    ) -> None:
        points = sort_points(table, {**result, "student": None, "finalists": []})
        assert len(points.winner) == len(points.finalists) == 0


class TestPicture:
    def test_is_a_png_and_leaves_no_pyplot_figure(
        self, table: pd.DataFrame, result: dict[str, Any], tmp_path: Path
    ) -> None:
        path = draw_front(table, result, tmp_path / "front.png")
        with Image.open(path) as image:
            assert image.size == (1536, 896)
            assert len(set(np.asarray(image.convert("L")).ravel().tolist())) > 20
        assert pyplot.get_fignums() == []

    def test_is_the_same_for_the_same_run(
        self, table: pd.DataFrame, result: dict[str, Any], tmp_path: Path
    ) -> None:
        first = draw_front(table, result, tmp_path / "1.png").read_bytes()
        assert draw_front(table, result, tmp_path / "2.png").read_bytes() == first

    @pytest.mark.parametrize(("share", "is_shown"), [(1.2, True), (3.0, False)])
    def test_a_budget_just_beyond_all_candidates_is_shown(
        self,
        table: pd.DataFrame,
        result: dict[str, Any],
        monkeypatch: pytest.MonkeyPatch,
        share: float,
        is_shown: bool,
    ) -> None:
        drawn: list[Figure] = []
        monkeypatch.setattr(front_plot, "save_picture", lambda figure, _: drawn.append(figure))
        largest = float(table["macs"].max())
        result["budget"] = {"limits": [], "macs": share * largest}
        draw_front(table, result, Path("front.png"))
        (axes,) = drawn[0].axes
        told = [text.get_text() for text in axes.texts]
        assert any(text.startswith("budget ") for text in told) == is_shown

    @pytest.mark.parametrize("case", ["unfinished", "one candidate", "nothing feasible"])
    def test_draws_odd_runs(
        self, table: pd.DataFrame, result: dict[str, Any], tmp_path: Path, case: str
    ) -> None:
        if case == "unfinished":
            result |= {"student": None, "finalists": [], "budget": {"limits": []}}
        elif case == "one candidate":
            table = table[table["key"].isin(table[table["feasible"]]["key"].head(1))]
        else:
            table = table[~table["feasible"]]
        assert draw_front(table, result, tmp_path / "front.png").stat().st_size > 5_000


class TestPage:
    def test_escapes_what_comes_from_outside(
        self, table: pd.DataFrame, result: dict[str, Any], tmp_path: Path
    ) -> None:
        attack = '</script><script>alert(1)</script><img src=x onerror=alert(2)>" onload="x'
        result["teacher"]["name"] = attack
        result["run_dir"] = attack
        for entry in (*result["front"], *result["finalists"]):
            entry["description"] = attack
        page = _page(
            tmp_path,
            table,
            result,
            measured=measured_of(table, result).assign(label=attack),
            drawing=Drawing(attack, (Block(attack, (attack,)),)),
            recipe={"data": {"source": attack}},
        )
        assert "alert(1)</script>" not in page
        assert "<img src=x" not in page
        assert '" onload="x' not in page

    def test_is_whole_and_asks_no_server(
        self, table: pd.DataFrame, result: dict[str, Any], tmp_path: Path
    ) -> None:
        links = _Links()
        links.feed(_page(tmp_path, table, result))
        assert links.found == []
        assert links.headings >= {
            "Front",
            "Architecture of the student",
            "Teacher and student",
            "Measured latency against score",
            "Predicted against measured latency",
            "Agreement of the proxies",
            "Recipe",
        }

    def test_brings_its_library_once(
        self, table: pd.DataFrame, result: dict[str, Any], tmp_path: Path
    ) -> None:
        page = _page(tmp_path, table, result)
        assert page.count("Plotly.newPlot(") == 4
        assert page.count("plotly.js v") == 1

    def test_what_is_not_there_is_left_out(
        self, table: pd.DataFrame, result: dict[str, Any], tmp_path: Path
    ) -> None:
        unfinished = {**result, "student": None, "finalists": []}
        nothing = measured_of(table, result)[:0]
        links = _Links()
        links.feed(_page(tmp_path, table, unfinished, measured=nothing, drawing=None))
        assert "Front" in links.headings
        assert not links.headings & {
            "Architecture of the student",
            "Measured latency against score",
            "Predicted against measured latency",
        }
        assert "not delivered a student yet" in _page(
            tmp_path, pd.DataFrame(), {**unfinished, "front": []}, measured=nothing, drawing=None
        )

    def test_shows_the_numbers(
        self, table: pd.DataFrame, result: dict[str, Any], tmp_path: Path
    ) -> None:
        page = _page(tmp_path, table, result)
        for text in ("98.33 %", "+1.11 points", "CPUExecutionProvider", "1200"):
            assert text in page


def _page(folder: Path, table: pd.DataFrame, result: dict[str, Any], **changes: Any) -> str:
    if "measured" not in changes:
        changes["measured"] = measured_of(table, result)
    given = {
        "document": result,
        "candidates": table,
        "drawing": Drawing("an arch", (Block("stem"),)),
        "recipe": {"seed": 0},
        **changes,
    }
    return write_html(folder / "report.html", **given).read_text(encoding="utf-8")


class _Links(HTMLParser):
    """Collects what a browser would fetch, and the headings of the sections."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.headings: set[str] = set()
        self._in_heading = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {value}" for name, value in attributes if name in ("src", "href")]
        self._in_heading = tag == "h2"

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.headings.add(data)
            self._in_heading = False


class TestFigure:
    def test_hover_names_the_architecture(
        self, table: pd.DataFrame, result: dict[str, Any]
    ) -> None:
        figure = front_figure(table, result)
        hovers = [text for trace in figure.data for text in trace.text]
        assert any(result["front"][0]["description"] in text for text in hovers)
        assert all("MACs" in text for text in hovers)


class TestTables:
    @pytest.mark.parametrize("width", [80, 140])
    def test_numbers_are_never_cut(self, result: dict[str, Any], width: int) -> None:
        text = _render(result, width)
        for row in facts.front_rows(result, 12):
            assert re.search(r"\s+".join(map(re.escape, row[1:3])), text)
        assert max(map(len, text.splitlines())) <= width

    def test_say_what_was_gained_and_whether_the_budget_is_met(
        self, result: dict[str, Any]
    ) -> None:
        text = _render(result, 140)
        assert "Gain from distillation: +1.11 points of test accuracy." in text
        assert "Started from the teacher's weights: 98 % of the student's parameters." in text
        assert "at most 2.70 M: met" in text
        result["student"]["latency_ms"]["ci95"] = [0.24, 0.26]
        assert "at most 0.247 ms: NOT MET" in _render(result, 140)

    def test_say_what_disturbed_the_measurement_of_a_limited_latency(
        self, result: dict[str, Any]
    ) -> None:
        result["student"]["latency_ms"] |= {"flags": ["busy"], "load": {"others": 0.4}}
        assert "other programs used 40% of the machine" in _render(result, 140)
        (check,) = [c for c in facts.budget_checks(result) if c.metric == "latency"]
        assert (check.met, len(check.remarks)) == (True, 1)
        assert "other programs used 40%" in study_note(result, Recipe())

    def test_do_not_read_names_as_markup(self, result: dict[str, Any]) -> None:
        result["front"][0]["description"] = "[red]x[/red]"
        assert "[red]x[/red]" in _render(result, 140)

    def test_an_unfinished_run_has_tables_too(self, result: dict[str, Any]) -> None:
        unfinished = {"evaluated": 5, "unique": 4, "feasible": 3, "front": [], "student": None}
        assert "5 candidates, 4 different, 3 within the budget." in _render(unfinished, 80)
        assert "Gain" not in _render({**result, "student": None}, 80)


def _render(document: dict[str, Any], width: int) -> str:
    console = Console(width=width, record=True, file=StringIO())
    for part in result_tables(document):
        console.print(part)
    return console.export_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (numbers.count(2_288_000), "2.29 M"),
        (numbers.count(999), "999"),
        (numbers.count(None), "-"),
        (numbers.milliseconds(0.17134), "0.171 ms"),
        (numbers.milliseconds(float("nan")), "-"),
        (numbers.percent(0.98333), "98.33 %"),
        (numbers.ratio(1, 0), "-"),
        (numbers.points(-0.005), "-0.50 points"),
        (numbers.seconds(125.2), "2 min 05 s"),
    ],
)
def test_numbers(text: str, expected: str) -> None:
    assert text == expected


def test_a_report_of_other_settings_goes_with_their_result(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", trials=40)
    assert (run.path / "report.html").is_file()
    finalists = run.recipe.finalists.model_copy(update={"count": 2})
    run.take(run.recipe.model_copy(update={"finalists": finalists}))
    assert [*run.path.glob("*.html"), *run.path.glob("*.png")] == []
    assert run.candidates_csv.is_file()
