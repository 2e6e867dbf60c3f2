"""How fast do import, ``--help``, ``list`` and ``show`` answer beside a run of many candidates?

    python -m benchmarks.startup_speed [--candidates 100000] [--repeats 5] [--folder DIR]

A run of random NAS-Bench-201 cells with made-up scores is written once by the suite's own writers:
journal, ``candidates.csv``, what the search found, and a result. ``show`` is timed on the finished
run, on one whose search is over but whose finalists are still trained, and on one that is still
searching. Every command runs once unmeasured, then in fresh
processes; one row a command with the median of its wall-clock and of its processor seconds, and the
limit that was promised.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.record import write_rows
from nas_kd.report.run_document import read_document
from search_spaces import Arch, NasBench201, Task
from studies.candidate_table import write_candidates
from studies.candidates import Candidate
from studies.found_document import found_document
from studies.journal import SealedJournal, open_storage
from studies.journal_batches import append_together
from studies.objectives import Objectives
from studies.recipe import Recipe
from studies.recipe_files import load_recipe
from studies.run_directory import FOUND, RunDirectory
from studies.search_result import SearchResult
from studies.trials import mark_constraints, tell

SPACE = NasBench201(channels=4, cells_per_stage=1)
TASK = Task(1, 8, 10)
BATCH = 500
NAMES = ("naswot", "synflow")
QUICK_S, SHOW_S = 0.5, 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "nas-kd-startup")
    options = parser.parse_args()
    console = Console(stderr=True)
    runs = [_run(options.folder, state, options.candidates) for state in _STATES]
    rows = [
        {"candidates": options.candidates, **_timed(name, words, limit, options.repeats)}
        for name, words, limit in track(_commands(runs), "timing", console=console)
    ]
    table = Table("command", "wall s", "processor s", "limit s")
    for row in rows:
        table.add_row(
            row["command"], f"{row['wall_s']:.2f}", f"{row['cpu_s']:.2f}", str(row["limit_s"])
        )
    console.print(table)
    console.print(f"rows in {write_rows('startup_speed', rows)}")


_STATES = ("finished", "search over", "searching")


def _commands(runs: list[Path]) -> list[tuple[str, list[str], float]]:
    nas_kd = [sys.executable, "-m", "nas_kd"]
    kinds = ("spaces", "proxies", "distillers", "samplers", "recipes")
    return [
        ("import nas_kd", [sys.executable, "-c", "import nas_kd"], QUICK_S),
        ("nas-kd --help", [*nas_kd, "--help"], QUICK_S),
        *((f"nas-kd list {kind}", [*nas_kd, "list", kind], QUICK_S) for kind in kinds),
        *(
            (f"nas-kd show ({state})", [*nas_kd, "show", str(run)], SHOW_S)
            for state, run in zip(_STATES, runs, strict=True)
        ),
    ]


def _timed(name: str, words: list[str], limit: float, repeats: int) -> dict[str, Any]:
    walls, cpus = [], []
    for repeat in range(repeats + 1):
        began, used = time.perf_counter(), _children_seconds()
        subprocess.run(words, check=True, capture_output=True)
        if repeat:
            walls.append(time.perf_counter() - began)
            cpus.append(_children_seconds() - used)
    wall = statistics.median(walls)
    return {
        "command": name,
        "wall_s": wall,
        "cpu_s": statistics.median(cpus),
        "limit_s": limit,
        "held": wall <= limit,
        "load": os.getloadavg()[0],
    }


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(folder: Path, state: str, count: int) -> Path:
    """A run in one of the `_STATES`; made once."""
    path = folder / f"{count}-{state.replace(' ', '-')}"
    made = path.with_suffix(".made")
    if made.is_file():
        return path
    shutil.rmtree(path, ignore_errors=True)
    if state == "searching":
        _write(path, count)
    else:
        earlier = _run(folder, _STATES[_STATES.index(state) + 1], count)
        shutil.copytree(earlier, path)
        run = RunDirectory.open(path)
        _write_found(run) if state == "search over" else _write_result(run)
    made.touch()
    return path


def _recipe(count: int) -> Recipe:
    return load_recipe(
        "digits",
        {
            "space.options": {"channels": SPACE.channels, "cells_per_stage": 1},
            "search.trials": count,
            "search.batch_size": BATCH,
            "search.proxies": list(NAMES),
            "search.sampler": "random",
        },
    )


def _write(path: Path, count: int) -> None:
    """The journal of a search over random cells with made-up scores."""
    recipe = _recipe(count)
    run = RunDirectory.create_or_continue(path, recipe)
    known: dict[str, Candidate] = {}
    objectives = _objectives(known, recipe)
    entries, found = SealedJournal(run.journal), SearchResult(objectives)
    journal = optuna.create_study(
        study_name=run.name, storage=JournalStorage(entries), directions=objectives.directions
    )
    journal.set_metric_names(list(recipe.search.objectives))
    for start in track(range(0, count, BATCH), "writing", console=Console(stderr=True)):
        study = optuna.create_study(
            directions=objectives.directions, sampler=optuna.samplers.RandomSampler(seed=start)
        )
        for _ in range(min(BATCH, count - start)):
            trial = study.ask(dict(SPACE.distributions))
            candidate = _candidate(Arch(trial.params), known)
            tell(study, trial, candidate, objectives.values(candidate), None)
        trials = [mark_constraints(trial) for trial in study.get_trials(deepcopy=False)]
        append_together(entries, trials)
        for trial in trials:
            found.add(trial)
    run.write_state(FOUND, found_document(SPACE, found, {}))


def _write_found(run: RunDirectory) -> None:
    """What stands in the run once its search is over."""
    known: dict[str, Candidate] = {}
    study = optuna.load_study(study_name=None, storage=open_storage(run.journal))
    result = SearchResult(_objectives(known, run.recipe))
    for trial in study.get_trials(deepcopy=False):
        result.add(trial)
    write_candidates(run, result, {})
    run.write_state(FOUND, found_document(SPACE, result, {}))


def _write_result(run: RunDirectory) -> None:
    """The document of a finished run: its first finalist is the student."""
    document = read_document(run)
    best = document["front"][0]
    latency = {"median": 0.1, "ci95": [0.09, 0.11]}
    student = {**best, "accuracy": 0.97, "validation_accuracy": 0.97, "latency_ms": latency}
    finalists = [{**entry, "validation_accuracy": 0.96} for entry in document["front"][:3]]
    run.write_result({**document, "finalists": finalists, "student": student})


def _objectives(known: dict[str, Candidate], recipe: Recipe) -> Objectives:
    generator = np.random.default_rng(0)
    archs = list(SPACE.enumerate())
    drawn = [_candidate(archs[i], known) for i in generator.integers(len(archs), size=96)]
    return Objectives(recipe.search.objectives, NAMES, [c for c in drawn if c.scores][:48])


def _candidate(arch: Arch, known: dict[str, Candidate]) -> Candidate:
    """The candidate of a canonical arch, its scores made up from its key."""
    canonical = SPACE.canonical(arch)
    if canonical.key not in known:
        sizes = SPACE.sizes(canonical, TASK)
        violations = {"macs": sizes.macs / 120_000 - 1}
        draws = np.random.default_rng(list(canonical.key.encode())).normal(size=len(NAMES))
        scores = {n: float(d) + sizes.macs / 60_000 for n, d in zip(NAMES, draws, strict=True)}
        over = violations["macs"] > 0
        known[canonical.key] = Candidate(
            canonical, sizes.macs, sizes.params, violations, {} if over else scores
        )
    return known[canonical.key]


if __name__ == "__main__":
    main()
