"""Does the dashboard show in a real browser what a run holds, and is its report self-contained?

    python -m benchmarks.dashboard_chromium [--runs runs/dashboard] [--screenshots FOLDER]

A short `nas-kd search` is opened by `nas-kd dashboard` and looked at in Debian's Chromium, driven
by Selenium: the study, the best trials against Optuna's own feasible front, infeasible trials,
note, figures, and downloads compared byte by byte with the run's files. The report is opened from
disk. Then the same seed is searched twice, once with its dashboard open and asked all the time:
both journals have to hold the same trials. One row a check; exit code 1 when one fails. Finished
searches are taken from the runs folder, so the same command continues.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import optuna
from rich.console import Console
from rich.progress import Progress

from benchmarks.chromium import Browser, browser, why_not
from benchmarks.dashboard_page import DashboardPage
from benchmarks.record import write_rows
from studies.journal import open_storage
from studies.run_directory import RunDirectory
from studies.trials import candidate_of

RECIPE = Path(__file__).with_suffix(".toml")
FIGURES = {
    "Front",
    "Measured latency against score",
    "Predicted against measured latency",
    "Agreement of the proxies",
}
# No latency decides here, so that one seed gives the same trials each time.
QUIET = ["--config", str(RECIPE), "--budget", "macs=7%", "--trials", "100"]


class Checks:
    """Collects one row a check."""

    def __init__(self, progress: Progress) -> None:
        self.rows: list[dict[str, Any]] = []
        self._progress = progress
        self._task = progress.add_task("checks", total=None)

    def add(self, name: str, expected: Any, found: Any) -> None:
        """A check that holds when both are equal."""
        row = {"check": name, "expected": _short(expected), "found": _short(found)}
        self.rows.append({**row, "passed": expected == found})
        self._progress.update(self._task, advance=1, description=name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/dashboard"))
    parser.add_argument("--screenshots", type=Path)
    options = parser.parse_args()
    if missing := why_not():
        raise SystemExit(f"dashboard_chromium: {missing}")
    pictures = options.screenshots or options.runs / "screenshots"
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        checks = Checks(progress)
        run = _searched(options.runs / "shown", ["--config", str(RECIPE)])
        with browser() as window:
            _look_at_dashboard(window, run, checks, pictures)
            _look_at_report(window, run, checks, pictures)
        _search_while_watched(options.runs, checks)
    path = write_rows("dashboard_chromium", checks.rows)
    failed = [row["check"] for row in checks.rows if not row["passed"]]
    console.print(f"{len(checks.rows) - len(failed)} of {len(checks.rows)} hold; rows in {path}")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _searched(path: Path, arguments: list[str]) -> RunDirectory:
    command = [sys.executable, "-m", "nas_kd", "search", "--run-dir", str(path), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode not in (0, 3):
        raise SystemExit(ended.stderr)
    return RunDirectory.open(path)


@contextmanager
def _dashboard(run: RunDirectory) -> Iterator[str]:
    """The address of the command's server, which ends as by Ctrl-C."""
    command = [sys.executable, "-m", "nas_kd", "dashboard", str(run.path)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--no-browser"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            raise SystemExit(line + process.stderr.read())
        yield found.group()
    finally:
        process.terminate()
        process.wait()


def _look_at_dashboard(window: Browser, run: RunDirectory, checks: Checks, pictures: Path) -> None:
    journal = run.journal.read_bytes()
    study = optuna.load_study(study_name=None, storage=open_storage(run.journal))
    with _dashboard(run) as address:
        page = DashboardPage(window, address)
        checks.add("the study is listed", True, study.study_name in page.studies())
        _first_page(page, study, checks, pictures)
        _note(page, run, checks, pictures)
        _trials(page, run, study, checks, pictures)
        first = _study(address)
    with _dashboard(run) as address:
        checks.add("opened twice, the same is shown", True, _study(address) == first)
    checks.add("the journal is as it was", True, run.journal.read_bytes() == journal)


def _first_page(page: DashboardPage, study: optuna.Study, checks: Checks, pictures: Path) -> None:
    page.open()
    plots = page.plots(least=len(FIGURES) + 1)
    time.sleep(1.0)
    page.browser.screenshot(pictures / "study.png", whole=True)
    best = [trial.number for trial in study.best_trials]
    checks.add("best trials: number on the page", len(best), len(page.best_trials()))
    checks.add("best trials: which", best, page.best_trials())
    over = sum(any(v > 0 for v in t.constraints.values()) for t in study.trials)
    checks.add("infeasible trials in the plot", over, page.infeasible(plots))
    checks.add("figures", FIGURES, FIGURES & {plot["title"] for plot in plots})
    latency = next(plot for plot in plots if plot["title"] == "Measured latency against score")
    checks.add("budget line", 1, latency["lines"])
    intervals = sum(trace["bars"] for trace in latency["traces"])
    checks.add(
        "every latency has its interval", sum(t["dots"] for t in latency["traces"]), intervals
    )
    chosen = page.objectives()
    checks.add("metric names", study.metric_names, chosen)
    checks.add("errors on the console", [], page.browser.errors())


def _note(page: DashboardPage, run: RunDirectory, checks: Checks, pictures: Path) -> None:
    text, rows = page.note()
    page.browser.screenshot(pictures / "note.png")
    document = run.read_result() or {}
    parts = (document["teacher"]["name"], "Recipe", "channels = 12", "Front:")
    checks.add("note: teacher, front, recipe", [True] * len(parts), [p in text for p in parts])
    shown = 2 + min(20, len(document["front"]))
    checks.add("note: rows of its tables", shown, rows)


def _trials(
    page: DashboardPage, run: RunDirectory, study: optuna.Study, checks: Checks, pictures: Path
) -> None:
    document = run.read_result() or {}
    arch = document["student"]["arch"]
    number = next(t.number for t in study.trials if dict(candidate_of(t).arch) == arch)
    files = page.download(number)
    time.sleep(1.0)
    page.browser.screenshot(pictures / "trial.png")
    for name in ("student.onnx", "manifest.json"):
        same = name in files and files[name].read_bytes() == (run.student(1) / name).read_bytes()
        checks.add(f"download of {name}", True, same)
    drawn = "architecture.png" in files and files["architecture.png"].read_bytes()[:4]
    checks.add("download of architecture.png", b"\x89PNG", drawn)
    attached = [trial for trial in _study(page.address)["trials"] if trial["artifacts"]]
    checks.add("trials with artifacts", len(document["finalists"]), len(attached))


def _look_at_report(window: Browser, run: RunDirectory, checks: Checks, pictures: Path) -> None:
    address = (run.path.absolute() / "report.html").as_uri()
    window.open(address)
    page = DashboardPage(window, address)
    checks.add("report: figures", len(FIGURES), len(page.plots(least=len(FIGURES))))
    time.sleep(1.0)
    window.screenshot(pictures / "report.png", whole=True)
    sharing = [button for button in page.buttons() if "Share" in button]
    checks.add("report: buttons that send a figure away", [], sharing)
    checks.add("report: errors on the console", [], window.errors())
    asked = [Path(request).name for request in sorted(set(window.requests()))]
    checks.add("report: what it asked for", ["report.html"], asked)


def _search_while_watched(runs: Path, checks: Checks) -> None:
    alone = _searched(runs / "alone", QUIET)
    path = runs / "watched"
    looked = runs / "looked.txt"
    if not (path / "result.json").is_file():
        stop = threading.Event()
        counts: list[int] = []
        watcher = threading.Thread(target=_watch, args=(path, stop, counts))
        watcher.start()
        try:
            _searched(path, QUIET)
        finally:
            stop.set()
            watcher.join()
        looked.write_text(str(len(counts)))
    often = looked.is_file() and int(looked.read_text()) > 10
    checks.add("a running search: looked at more than ten times", True, often)
    watched = RunDirectory.open(path)
    same = _told(alone) == _told(watched)
    checks.add("a running search: the trials of one that nobody looked at", True, same)


def _watch(path: Path, stop: threading.Event, counts: list[int]) -> None:
    """Asks the dashboard of a run for its study without pause, from its first trials on."""
    run = RunDirectory(path)
    while not (run.journal.is_file() and run.journal.stat().st_size):
        if stop.wait(0.1):
            return
    with _dashboard(run) as address:
        while not stop.is_set():
            try:
                counts.append(len(_study(address)["trials"]))
            except (URLError, KeyError):
                stop.wait(0.1)


def _told(run: RunDirectory) -> list[tuple[Any, ...]]:
    study = optuna.load_study(study_name=None, storage=open_storage(run.journal))
    return [(t.number, t.params, t.values, t.constraints) for t in study.trials]


def _study(address: str) -> dict[str, Any]:
    with urlopen(f"{address}/api/studies/0", timeout=60) as answer:
        study: dict[str, Any] = json.load(answer)
    # The dashboard keeps figures and choices in sets: their order has no meaning.
    study["plotly_graph_objects"].sort(key=lambda figure: figure["id"])
    for space in ("union_search_space", "intersection_search_space"):
        study[space] = sorted(parameter["name"] for parameter in study[space])
    return study


def _short(value: Any) -> str:
    text = str(sorted(value) if isinstance(value, set) else value)
    return text if len(text) <= 120 else f"{text[:117]}..."


if __name__ == "__main__":
    main()
