"""The dashboard and the report in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import optuna
import pytest

from benchmarks.chromium import Browser, browser, why_not
from benchmarks.dashboard_page import DashboardPage
from nas_kd.cli.dashboard import make_dashboard_server
from studies.journal import open_storage
from studies.run_directory import RunDirectory

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

TITLES = {
    "Front",
    "Measured latency against score",
    "Predicted against measured latency",
    "Agreement of the proxies",
}


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(finished: RunDirectory, window: Browser) -> Iterator[DashboardPage]:
    server = make_dashboard_server(finished, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield DashboardPage(window, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_the_first_page_has_the_feasible_front_and_the_figures(
    finished: RunDirectory, page: DashboardPage
) -> None:
    study = optuna.load_study(study_name=None, storage=open_storage(finished.journal))
    page.open()
    plots = page.plots(least=5)
    assert {plot["title"] for plot in plots} >= TITLES
    assert page.best_trials() == [trial.number for trial in study.best_trials]
    latency = next(plot for plot in plots if "against score" in plot["title"])
    assert latency["lines"] == 1
    assert sum(trace["bars"] for trace in latency["traces"]) > 3
    table = finished.read_candidates()
    assert page.infeasible(plots) == (~table["feasible"]).sum()
    assert page.browser.errors() == []


def test_the_note_is_drawn(page: DashboardPage) -> None:
    text, rows = page.note()
    assert "Teacher digits-cnn and its student" in text
    assert "nor_conv_3x3~0" in text
    assert "**" not in text
    assert rows > 5


def test_artifacts_of_the_student_are_downloaded(
    finished: RunDirectory, page: DashboardPage
) -> None:
    document = finished.read_result()
    assert document is not None
    table = finished.read_candidates()
    student = table[(table["macs"] == document["student"]["macs"]) & table["latency_ms"].notna()]
    files = page.download(int(student["trial"].iloc[0]))
    directory = finished.student(1)
    assert set(files) == {"student.onnx", "manifest.json", "architecture.png"}
    assert files["student.onnx"].read_bytes() == (directory / "student.onnx").read_bytes()
    assert files["architecture.png"].read_bytes().startswith(b"\x89PNG")


def test_the_report_needs_nothing_else(finished: RunDirectory, window: Browser) -> None:
    address = (finished.path / "report.html").as_uri()
    window.open(address)
    page = DashboardPage(window, address)
    assert [plot["title"] for plot in page.plots(least=4)] == [""] * 4
    assert window.errors() == []
    assert set(window.requests()) == {address}
    assert not any("Share" in button for button in page.buttons())
    width, shown = window.driver.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert width <= shown
