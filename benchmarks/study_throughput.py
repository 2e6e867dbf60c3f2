"""How many trials a second does a study of precomputed scores make, beside plain Optuna?

    python -m benchmarks.study_throughput [--trials 100000] [--repeats 3]

100,000 random NAS-Bench-201 candidates (score, MACs and parameters looked up) searched by our loop
into its journal, against `study.optimize` on a journal, SQLite and PostgreSQL with the same cells,
values, attributes and constraints. Plain studies make fewer trials, as many as take about a minute,
and are taken to keep that rate up to the end, which is in their favour: it falls as a study grows.
Their sampler has nothing to do but to repeat our cells.
Our other samplers are timed too, on fewer trials: what they take is their own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import optuna
import torch
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial
from rich.console import Console
from rich.progress import track

from benchmarks.postgresql_server import postgresql_binaries, postgresql_server
from benchmarks.record import write_rows
from nas_kd.costs import Limits
from search_spaces import Arch, SearchSpace, Task, create_space
from studies.candidates import Candidate
from studies.counting import counted_costs
from studies.evaluator import Evaluator
from studies.objectives import Objectives
from studies.observer import SilentObserver
from studies.recipe import Recipe
from studies.recipe_files import load_recipe
from studies.run_directory import RunDirectory
from studies.samplers import BlindSampler
from studies.search import Search
from studies.search_result import SearchResult
from studies.shared import open_shared_storage
from studies.trials import attributes

TASK = Task(3, 32, 10)
LIMITS = Limits({"macs": 80e6})
BATCH = 500
PLAIN = {"journal": 10_000, "sqlite": 1_000, "postgresql": 1_000}
OTHERS = {"nsga2": 5_000, "regularised-evolution": 5_000, "tpe": 500, "exhaustive": 15_625}


class Looked:
    """A crew that looks everything up."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        generator = np.random.default_rng(seed)
        archs = dict.fromkeys(space.canonical(arch) for arch in space.enumerate())
        self._known = {
            arch: _candidate(space, arch, float(generator.normal()))
            for arch in track(archs, "scores", console=Console(stderr=True))
        }

    def expect(self, archs: Iterable[Arch]) -> None:
        """Nothing has to be prepared."""

    def evaluate(self, arch: Arch) -> Candidate:
        return self._known[arch]

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._known.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = create_space("nasbench201")
    crew = Looked(space, options.seed)
    rows: list[dict[str, Any]] = []
    for repeat in range(options.repeats):
        rows += _pair(space, crew, repeat, options)
    rows += [_other(space, crew, name, count, options.seed) for name, count in OTHERS.items()]
    for row in rows:
        Console().print(row)
    ratios = [
        min(row["times_faster"] for row in rows if row.get("repeat") == repeat)
        for repeat in range(options.repeats)
    ]
    Console().print(
        f"at least {min(ratios):.1f} times, median {statistics.median(ratios):.1f} times the best "
        f"plain study; rows in {write_rows('study_throughput', rows)}"
    )


def _pair(
    space: SearchSpace, crew: Looked, repeat: int, options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Ours and every plain storage, one after the other."""
    seed = options.seed + repeat
    with TemporaryDirectory(prefix="nas-kd-throughput-") as name, ExitStack() as stack:
        folder = Path(name)
        result, ours = _ours(space, crew, _recipe("random", options.trials, seed), folder / "run")
        kept = _trials(JournalStorage(JournalFileBackend(str(folder / "run" / "journal.log"))))
        rows = []
        for kind, storage in _storages(folder, stack).items():
            trials = min(PLAIN[kind], options.trials)
            plain = _plain(storage, space, crew, result, trials)
            same = _same(kept[:trials], _trials(storage))
            rows.append(
                {
                    "repeat": repeat,
                    "sampler": "random",
                    "storage": kind,
                    "trials": len(kept),
                    "trials_per_s": round(options.trials / ours, 1),
                    "plain_trials": trials,
                    "plain_trials_per_s": round(trials / plain, 2),
                    "times_faster": round((options.trials / ours) / (trials / plain), 1),
                    "same_rows": same and len(kept) == options.trials,
                }
            )
    return rows


def _other(
    space: SearchSpace, crew: Looked, sampler: str, trials: int, seed: int
) -> dict[str, Any]:
    with TemporaryDirectory(prefix="nas-kd-throughput-") as name:
        _, seconds = _ours(space, crew, _recipe(sampler, trials, seed), Path(name) / "run")
    return {"sampler": sampler, "trials": trials, "trials_per_s": round(trials / seconds, 1)}


def _recipe(sampler: str, trials: int, seed: int) -> Recipe:
    settings = {
        "seed": seed,
        "search.sampler": sampler,
        "search.trials": trials,
        "search.batch_size": BATCH if sampler == "random" else 50,
        "search.proxies": ["looked_up"],
        "search.objectives": ["score", "macs", "params"],
    }
    return load_recipe("digits", settings)


def _ours(
    space: SearchSpace, crew: Looked, recipe: Recipe, path: Path
) -> tuple[SearchResult, float]:
    run = RunDirectory.create_or_continue(path, recipe)
    evaluator = Evaluator(
        space, TASK, limits=LIMITS, proxies=recipe.search.proxies, images=torch.zeros(0),
        labels=torch.zeros(0), teacher=None, seed=0,
    )  # fmt: skip
    for candidate in crew:
        evaluator.remember(candidate)
    start = time.perf_counter()
    result = Search(recipe, run, space, evaluator, SilentObserver(), crew).run()
    return result, time.perf_counter() - start


def _storages(folder: Path, stack: ExitStack) -> dict[str, BaseStorage]:
    storages: dict[str, BaseStorage] = {
        "journal": JournalStorage(JournalFileBackend(str(folder / "plain.log"))),
        "sqlite": open_shared_storage(f"sqlite:///{folder / 'plain.db'}"),
    }
    if postgresql_binaries() is not None:
        url = stack.enter_context(postgresql_server())
        storages["postgresql"] = open_shared_storage(url)
    return storages


def _plain(
    storage: BaseStorage, space: SearchSpace, crew: Looked, ours: SearchResult, trials: int
) -> float:
    """Seconds that Optuna's own loop takes for the first ``trials`` of our trials."""
    objectives: Objectives = ours.objectives
    study = optuna.create_study(
        storage=storage, directions=objectives.directions, sampler=_Repeating(space, ours.trials)
    )
    choices = {name: d.choices for name, d in space.distributions.items()}  # type: ignore[attr-defined]
    first: dict[str, int] = {}

    def objective(trial: Trial) -> Sequence[float]:
        genes = {name: trial.suggest_categorical(name, of) for name, of in choices.items()}
        candidate = crew.evaluate(space.canonical(Arch(genes)))
        number = first.setdefault(candidate.key, trial.number)
        found = attributes(candidate, number if number != trial.number else None)
        for name, value in found.items():
            trial.set_user_attr(name, value)
        for metric, violation in candidate.violations.items():
            trial.set_constraint(metric, violation)
        return objectives.values(candidate)

    start = time.perf_counter()
    with _progress(trials) as advance:
        study.optimize(objective, n_trials=trials, callbacks=[lambda *_: advance()])
    return time.perf_counter() - start


class _Repeating(BlindSampler):
    """Gives the archs of known trials, by number."""

    def __init__(self, space: SearchSpace, trials: Sequence[FrozenTrial]) -> None:
        super().__init__(space.distributions)
        self._params = [trial.params for trial in trials]

    def arch(self, number: int) -> Arch:
        return Arch(self._params[number])


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("plain", total=total)
        yield lambda: progress.advance(task)


def _candidate(space: SearchSpace, arch: Arch, score: float) -> Candidate:
    costs = counted_costs(space, arch, TASK)
    violations = LIMITS.violations(costs)
    feasible = all(violation <= 0 for violation in violations.values())
    scores = {"looked_up": score} if feasible else {}
    return Candidate(arch, int(costs["macs"]), int(costs["params"]), violations, scores)


def _trials(storage: BaseStorage) -> list[FrozenTrial]:
    return optuna.load_study(study_name=None, storage=storage).get_trials(deepcopy=False)


def _same(ours: Sequence[FrozenTrial], theirs: Sequence[FrozenTrial]) -> bool:
    return len(ours) == len(theirs) and all(
        (a.number, a.params, a.values, a.user_attrs) == (b.number, b.params, b.values, b.user_attrs)
        and b.constraints.items() <= a.constraints.items()
        for a, b in zip(ours, theirs, strict=True)
    )


if __name__ == "__main__":
    main()
