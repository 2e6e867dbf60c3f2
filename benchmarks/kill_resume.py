"""Does a search that is killed at any moment end as the uninterrupted one?

    python -m benchmarks.kill_resume [--samplers nsga2 ...] [--kills 6] [--seed 0] [--fresh]

For every sampler a small search (`benchmarks.small_search`) runs once undisturbed. Then, for every
kill, a run of its own is killed with SIGKILL at a random moment of one of its phases, and the same
command is given again until the run is finished. One row a kill: where it hit, whether trials,
candidates and student (down to its weights) are those of the undisturbed run, how many candidates
were scored again although their scores had been kept (``scored_twice``), how many scorings the kill
interrupted, which had to begin again, and whether measurements made before the kill were kept.

The phases are taken in turn: fitting the latency predictor, scoring, the moment of writing a batch
to the journal, training the finalists, training the student, and any moment of the whole run.
An interrupted benchmark goes on where it was; ``--fresh`` begins anew.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.record import write_rows
from benchmarks.small_search import SmallSearch, differences
from studies.samplers import SAMPLERS

MOMENTS = ("fit latency", "search", "writing", "finalist", "distill", "any")
_POLL_S = 0.002


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS.names())
    parser.add_argument("--kills", type=int, default=len(MOMENTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "nas-kd-kill-resume")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(options.folder, ignore_errors=True)
    plan = [(sampler, number) for sampler in options.samplers for number in range(options.kills)]
    console = Console(stderr=True)
    rows = [
        kill_and_resume(options.folder / sampler, sampler, number, options.seed)
        for sampler, number in track(plan, "kills", console=console)
    ]
    rows.append(_summary(rows))
    path = write_rows("kill_resume", rows)
    console.print(f"{ {name: rows[-1][name] for name in _COUNTED} }; rows in {path}")


def kill_and_resume(folder: Path, sampler: str, number: int, seed: int) -> dict[str, Any]:
    """One kill of one run and its resumption; from the file of an earlier call if there is one."""
    kept = folder / f"kill-{number}.json"
    if kept.is_file():
        row: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return row
    search = SmallSearch(folder, sampler)
    durations = _undisturbed(search)
    run, moment = f"killed-{number}", MOMENTS[number % len(MOMENTS)]
    generator = np.random.default_rng([seed, SAMPLERS.names().index(sampler), number])
    killed: dict[str, Any] = {"killed": False}
    while not killed["killed"]:  # a run that ended before its moment is begun anew
        for path in (search.folder / run, search.scorings_file(run)):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(True)
        killed = kill(search, run, _trigger(moment, durations, float(generator.random())))
    row = {"sampler": sampler, "kill": number, "moment": moment, **killed, **resume(search, run)}
    kept.write_text(json.dumps(row), encoding="utf-8")
    return row


def kill(search: SmallSearch, run: str, is_time: Callable[[Path], bool]) -> dict[str, Any]:
    """Starts a run and kills it with SIGKILL as soon as ``is_time`` says so of its directory."""
    process = search.start(run)
    try:
        while process.poll() is None and not is_time(search.folder / run):
            time.sleep(_POLL_S)
    finally:
        process.kill()
        process.communicate()
    return {"killed": process.returncode != 0, "phase": _phase(search.folder / run)}


def resume(search: SmallSearch, run: str) -> dict[str, Any]:
    """Continues a killed run to its end, and compares it with the undisturbed one."""
    directory = search.directory(run)
    kept, before = search.kept(run), search.scorings(run)
    measured = _measurements(directory.path)
    search.finish(run)
    again = search.scorings(run) - before
    later = _measurements(directory.path)
    return {
        "scores_kept": kept.total(),
        "different": " ".join(differences(directory, search.directory("whole"))),
        "scored_twice": (again - (search.kept(run) - kept)).total(),
        "interrupted_scorings": (before - kept).total(),
        "measurements_kept": len(measured),
        "measurements_lost": sum(later[name] != content for name, content in measured.items()),
    }


def _undisturbed(search: SmallSearch) -> dict[str, float]:
    """Runs the search once without a kill; seconds of each phase, and of all as ``any``."""
    file = search.folder / "durations.json"
    if not file.is_file():
        shutil.rmtree(search.folder / "whole", ignore_errors=True)
        search.scorings_file("whole").unlink(missing_ok=True)
        began = time.monotonic()
        process = search.start("whole")
        phases: dict[str, float] = {}
        while process.poll() is None:
            time.sleep(_POLL_S)
            phases.setdefault(_phase(search.folder / "whole"), time.monotonic())
        if process.returncode != 0:
            raise SystemExit(process.communicate()[1])
        _require_each_once(search)
        ended = time.monotonic()
        starts = [*phases.values(), ended]
        durations = {name: starts[n + 1] - starts[n] for n, name in enumerate(phases)}
        file.write_text(json.dumps({**durations, "any": ended - began}), encoding="utf-8")
    found: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _require_each_once(search: SmallSearch) -> None:
    """Also the undisturbed run scores every candidate once, which shows that the count is right."""
    if search.scorings("whole") != search.kept("whole"):
        raise SystemExit("the undisturbed run scored a candidate twice, or the count is wrong")


def _trigger(moment: str, durations: dict[str, float], share: float) -> Callable[[Path], bool]:
    """When to kill: at ``share`` of the moment's phase, or when the journal has just grown."""
    if moment == "writing":
        return _JournalGrows(batches=1 + int(share * 4))
    if moment == "any":
        began, wait = time.monotonic(), share * durations["any"]
        return lambda run: time.monotonic() - began >= wait
    length = next(seconds for name, seconds in durations.items() if name.startswith(moment))
    return _PhaseLasts(moment, share * length)


class _PhaseLasts:
    """Whether a phase has been going on for so many seconds."""

    def __init__(self, phase: str, seconds: float) -> None:
        self._phase = phase
        self._seconds = seconds
        self._began: float | None = None

    def __call__(self, run: Path) -> bool:
        if self._began is None and _phase(run).startswith(self._phase):
            self._began = time.monotonic()
        return self._began is not None and time.monotonic() - self._began >= self._seconds


class _JournalGrows:
    """Whether the journal has just grown by a batch for so many times: it is being written."""

    def __init__(self, batches: int) -> None:
        self._batches = batches
        self._size = 0
        self._quiet = 0
        self._times = 0

    def __call__(self, run: Path) -> bool:
        journal = run / "journal.log"
        size = journal.stat().st_size if journal.is_file() else 0
        grown, self._size = size > self._size, size
        if grown and self._quiet > 5:
            self._times += 1
        self._quiet = 0 if grown else self._quiet + 1
        return self._times > self._batches


def _phase(run: Path) -> str:
    try:
        progress = json.loads((run / "work" / "progress.json").read_text(encoding="utf-8"))
        return str(progress["phase"])
    except (OSError, ValueError, KeyError):
        return ""


def _measurements(run: Path) -> dict[str, bytes]:
    files = [*run.glob("work/latency*/*.json"), *run.glob("work/teacher.json")]
    return {str(file): file.read_bytes() for file in files}


_COUNTED = ("kills", "identical", "scored_twice", "interrupted_scorings", "measurements_lost")


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "sampler": "all",
        "kills": sum(row["killed"] for row in rows),
        "identical": sum(not row["different"] for row in rows),
        **{name: sum(row[name] for row in rows) for name in _COUNTED[2:]},
        "scores_kept": sum(row["scores_kept"] for row in rows),
        "measurements_kept": sum(row["measurements_kept"] for row in rows),
    }


if __name__ == "__main__":
    main()
