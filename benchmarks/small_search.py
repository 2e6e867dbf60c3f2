"""A small but whole ``nas-kd search`` on the digits, to be killed and damaged; what it decides.

Nothing that is compared depends on a measured latency: the MACs decide what is within the budget,
and the limit on latency, at which a predictor is fitted, is met by every student.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from safetensors.torch import load_file

from benchmarks.counting_proxy import LOG, student_id
from search_spaces import Task, create_space
from studies.journal import open_storage
from studies.kept_scores import KeptScores
from studies.proxy_check import tried_first
from studies.run_directory import FIT, RunDirectory
from studies.samplers import SAMPLERS
from studies.trials import candidate_of, duplicate_of

TASK = Task(1, 8, 10)
LATENCIES = ("latency_ms", "predicted_latency_ms")
_TRIED = 3
"""Times that a proxy of another package is tried: beside the others, and twice by itself."""
_ROOT = Path(__file__).parent.parent
_SPACES = {
    True: 'name = "cifar-resnet"\noptions = { width = 4 }',
    False: 'name = "nasbench201"\noptions = { channels = 4, cells_per_stage = 1 }',
}
_RECIPE = """seed = 3

[teacher]
source = "benchmarks.counting_proxy:make_teacher"

[data]
source = "digits"

[space]
{space}

[budget]
limits = ["macs=60%", "latency=10000%"]

[predictor]
students = {predicted}
held_out = 2
seconds = 0.1

[search]
sampler = "{sampler}"
trials = {trials}
batch_size = {batch}
proxies = ["counted-naswot", "synflow"]
images = 32

[finalists]
count = 2
measured_at_most = 4
epochs = 2

[distill]
epochs = 2
batch_size = 64
distillers = {{ kd = 0.9 }}
teacher_views = "clean"
"""


@dataclass(frozen=True)
class SmallSearch:
    """One recipe, and where the runs made by it lie.

    Attributes:
        folder: Holds the recipe, the registration of the proxy and the runs.
        sampler: Who proposes. The exhaustive one walks through the 64 residual networks of
            ``cifar-resnet``, the others search cells of NAS-Bench-201.
        trials: How many candidates are proposed.
        batch: How many together.
        predicted: Students measured to predict latencies; 0 for none.
    """

    folder: Path
    sampler: str
    trials: int = 120
    batch: int = 24
    predicted: int = 8

    def command(self, run: str) -> list[str]:
        """The command line; the same again continues."""
        return [sys.executable, "-m", "nas_kd", *self.arguments(run)]

    def arguments(self, run: str) -> list[str]:
        """Those of ``nas-kd``."""
        recipe = str(self._write_recipe())
        return ["search", "--config", recipe, "--run-dir", str(self.folder / run)]

    def environment(self, run: str) -> dict[str, str]:
        """In which `benchmarks.counting_proxy` is an installed package's proxy."""
        paths = [str(self._register_proxy()), str(_ROOT), os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            LOG: str(self.scorings_file(run)),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "NAS_KD_CACHE": str(self.folder / "cache"),
        }

    def start(self, run: str) -> subprocess.Popen[str]:
        """Begins or continues a run in a process of its own."""
        return subprocess.Popen(
            self.command(run),
            env=self.environment(run),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )

    def finish(self, run: str) -> str:
        """Begins or continues a run to its end; what it said on stderr.

        Raises:
            RuntimeError: It did not end with exit code 0.
        """
        process = self.start(run)
        _, said = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"{run} ended with exit code {process.returncode}:\n{said}")
        return said

    def directory(self, run: str) -> RunDirectory:
        return RunDirectory(self.folder / run)

    def scorings_file(self, run: str) -> Path:
        return self.folder / f"{run}.scorings"

    def scorings(self, run: str) -> Counter[str]:
        """How often each student was scored, over all processes that worked on the run."""
        file = self.scorings_file(run)
        return Counter(file.read_text(encoding="utf-8").split() if file.is_file() else [])

    def kept(self, run: str) -> Counter[str]:
        """How many candidates' scores the run holds of each student, as a process would find them.

        Where the search has begun, the one is counted, too, on which the proxies had been tried.
        Several archs may build one student (`student_id`): a pool of nothing is nothing.
        """
        directory, section = self.directory(run), self.directory("whole").recipe.space
        space = create_space(section.name, **section.options)
        begun = directory.scores.is_file() or any(directory.path.glob(f"work/{FIT}/*"))
        archs = [tried_first(space, TASK)] * (_TRIED if begun else 0)
        if directory.scores.is_file():
            copy = shutil.copy(directory.scores, self.folder / "scores.copy")  # reading mends
            kept = KeptScores(Path(copy), lambda message: None).read()
            archs += [candidate.arch for candidate in kept]
        return Counter(student_id(space.build(arch, TASK)) for arch in archs)

    def _write_recipe(self) -> Path:
        path = self.folder / f"{self.sampler}.toml"
        settings = _RECIPE.format(
            space=_SPACES[SAMPLERS.get(self.sampler).covers_space],
            sampler=self.sampler,
            trials=self.trials,
            batch=self.batch,
            predicted=self.predicted,
        )
        if not path.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_text(settings, encoding="utf-8")
        return path

    def _register_proxy(self) -> Path:
        """A folder that, on the path, is an installed package with the proxy's entry point."""
        site = self.folder / "site"
        information = site / "counting_proxy-1.0.dist-info"
        information.mkdir(parents=True, exist_ok=True)
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: counting-proxy\n")
        (information / "entry_points.txt").write_text(
            "[nas_kd.proxies]\ncounted-naswot = benchmarks.counting_proxy:PROXY\n"
        )
        return site


def trial_table(run: RunDirectory) -> list[tuple[Any, ...]]:
    """What the journal holds of every trial, without latencies, which differ by their nature."""
    study = optuna.load_study(study_name=None, storage=open_storage(run.journal))
    return [
        (
            trial.number,
            trial.state.name,
            tuple(sorted(trial.params.items())),
            tuple(trial.values),
            trial.constraints["macs"],
            candidate_of(trial).key,
            tuple(candidate_of(trial).scores.items()),
            duplicate_of(trial),
        )
        for trial in study.trials
    ]


def candidate_rows(run: RunDirectory) -> pd.DataFrame:
    """``candidates.csv`` without the latencies."""
    return run.read_candidates().drop(columns=list(LATENCIES), errors="ignore")


def choice(run: RunDirectory) -> dict[str, Any]:
    """What the run delivered: the student, its accuracies, the finalists, and every weight."""
    document = run.read_result()
    if document is None:
        raise RuntimeError(f"{run.path} is not finished")
    student = document["student"]
    weights = load_file(run.student(1) / "model.safetensors")
    return {
        "arch": student["arch"],
        "accuracies": [
            student[name]
            for name in ("accuracy", "validation_accuracy", "accuracy_without_teacher")
        ],
        "finalists": [(f["arch"], f["validation_accuracy"]) for f in document["finalists"]],
        "front": [entry["arch"] for entry in document["front"]],
        "weights": {name: value.numpy().tobytes() for name, value in sorted(weights.items())},
    }


def differences(run: RunDirectory, whole: RunDirectory) -> list[str]:
    """In what a run differs from the uninterrupted one: of trials, candidates and choice."""
    found: Sequence[tuple[str, bool]] = (
        ("trials", trial_table(run) == trial_table(whole)),
        ("candidates", candidate_rows(run).equals(candidate_rows(whole))),
        ("choice", choice(run) == choice(whole)),
    )
    return [name for name, same in found if not same]
