"""Does a study on a real PostgreSQL server survive its workers being killed?

    python -m benchmarks.postgresql_workers [--workers 4] [--kill-every 20] [--seconds 180]

Starts a server of its own and four times ``nas-kd search --storage`` on a NAS-Bench-201 study of
digits, each with a run directory of its own. Every 20 s for 3 minutes one of them, drawn at random,
is killed with -9 and started again by the same command. Afterwards every candidate has to be there
exactly once, and trials and front have to be those of one process that nobody killed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import optuna
import pandas as pd
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.progress import Progress

from benchmarks.postgresql_server import postgresql_server
from benchmarks.record import write_rows
from studies.shared import open_shared_storage

STUDY = "workers"
RECIPE = """
seed = {seed}
[space]
name = "nasbench201"
[space.options]
channels = 8
cells_per_stage = 1
[budget]
limits = ["macs=60%"]
[search]
trials = {trials}
batch_size = 100
sampler = "{sampler}"
[finalists]
count = 1
measured_at_most = 1
[distill]
epochs = 1
compare_without_teacher = false
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kill-every", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--trials", type=int, default=5_000)
    parser.add_argument("--sampler", default="nsga2")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="nas-kd-workers-") as name, postgresql_server() as url:
        folder = Path(name)
        recipe = folder / "recipe.toml"
        recipe.write_text(RECIPE.format(**vars(options)), encoding="utf-8")
        if _run(recipe, folder / "alone").wait():
            sys.exit((folder / "alone.log").read_text())
        start = time.monotonic()
        kills = _run_and_kill(recipe, url, options)
        shared_seconds = time.monotonic() - start
        storage = open_shared_storage(url)
        row = {
            "workers": options.workers,
            "trials": options.trials,
            "sampler": options.sampler,
            "seed": options.seed,
            "kills": kills,
            "seconds": round(shared_seconds, 1),
            **_work_found(storage),
            **_compared(folder, options.workers, storage),
        }
    path = write_rows("postgresql_workers", [row])
    Console().print(row, f"\nrow in {path}")
    if not row["sound"]:
        sys.exit("trials were lost, doubled, or differ from those of one process")


def _run_and_kill(recipe: Path, url: str, options: argparse.Namespace) -> int:
    """Runs the workers to their end, killing one now and then; how many were killed."""
    drawn, storage = random.Random(options.seed), open_shared_storage(url)
    folder = recipe.parent
    with _ended_at_last() as workers, Progress() as progress:
        task = progress.add_task("searching", total=options.trials)
        workers += [_run(recipe, folder / f"host-{n}", url) for n in range(options.workers)]
        begun = last = time.monotonic()
        kills = 0
        while any(worker.poll() is None for worker in workers):
            time.sleep(1)
            progress.update(task, completed=_trials_so_far(storage))
            now = time.monotonic()
            alive = [n for n, worker in enumerate(workers) if worker.poll() is None]
            if now - begun > options.seconds or now - last < options.kill_every or not alive:
                continue
            last, kills = now, kills + 1
            chosen = drawn.choice(alive)
            os.kill(workers[chosen].pid, signal.SIGKILL)
            workers[chosen].wait()
            workers[chosen] = _run(recipe, folder / f"host-{chosen}", url)
        codes = [worker.returncode for worker in workers]
    if any(codes):
        logs = "\n".join(log.read_text() for log in sorted(folder.glob("host-*.log")))
        sys.exit(f"workers ended with {codes}:\n{logs}")
    return kills


def _run(recipe: Path, run: Path, url: str | None = None) -> subprocess.Popen[bytes]:
    shared = ["--storage", url, "--study-name", STUDY] if url else []
    words = ["search", "--config", str(recipe), "--run-dir", str(run), *shared]
    with run.with_suffix(".log").open("a") as log:
        return subprocess.Popen([sys.executable, "-m", "nas_kd", *words], stdout=log, stderr=log)


@contextmanager
def _ended_at_last() -> Iterator[list[subprocess.Popen[bytes]]]:
    workers: list[subprocess.Popen[bytes]] = []
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _trials_so_far(storage: BaseStorage) -> int:
    there = STUDY in optuna.get_all_study_names(storage)
    return len(_trials(storage, STUDY)) if there else 0


def _trials(storage: BaseStorage, name: str) -> list[FrozenTrial]:
    study = optuna.load_study(study_name=name, storage=storage)
    return study.get_trials(deepcopy=False)


def _work_found(storage: BaseStorage) -> dict[str, Any]:
    """What became of the candidates that were handed out."""
    work = [t for t in _trials(storage, f"{STUDY}.work") if "arch" in t.user_attrs]
    states = Counter(trial.state for trial in work)
    finished = Counter(str(t.user_attrs["arch"]) for t in work if t.state == TrialState.COMPLETE)
    handed_out = {str(trial.user_attrs["arch"]) for trial in work}
    return {
        "candidates": len(handed_out),
        "finished": states[TrialState.COMPLETE],
        "retried": states[TrialState.FAIL],
        "unfinished": states[TrialState.RUNNING] + states[TrialState.WAITING],
        "lost": len(handed_out - set(finished)),
        "doubled": sum(count > 1 for count in finished.values()),
    }


def _compared(folder: Path, workers: int, storage: BaseStorage) -> dict[str, Any]:
    """The trials and the front of every worker, against those of one process."""
    alone = pd.read_csv(folder / "alone" / "candidates.csv")
    columns = alone.columns.drop("latency_ms")
    tables = [pd.read_csv(folder / f"host-{n}" / "candidates.csv") for n in range(workers)]
    rows = len(_trials(storage, STUDY))
    same = all(table[columns].equals(alone[columns]) for table in tables)
    work = _work_found(storage)
    sound = same and rows == len(alone) and not (
        work["lost"] or work["doubled"] or work["unfinished"]
    )  # fmt: skip
    return {
        "rows": rows,
        "front": int(alone["front"].sum()),
        "same_trials_and_front": same,
        "sound": sound,
    }


if __name__ == "__main__":
    main()
