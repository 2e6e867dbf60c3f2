"""Trainings pause while latency is measured, and are paused for between two epochs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nas_kd.data import DataSplits
from nas_kd.machine_lock import machine_alone, machine_shared
from nas_kd.teachers import Teacher
from nas_kd.training import (
    TrainingResult,
    TrainingSettings,
    default_teacher,
    train_default_teacher,
    train_student,
)
from nas_kd.training.language.train import train_language
from nas_kd.training.pretraining import PretrainingFolder, pretrain
from nas_kd.training.processes import computing, make_accelerator
from search_spaces import Arch
from studies import setting
from studies.observer import SilentObserver
from studies.recipe import Recipe
from studies.setting import load_data_and_teacher
from studies.supernets.kept_values import KeptValues
from tests.training.conftest import digits, make_teacher, tiny

__all__ = ["digits", "make_teacher"]

Told = Callable[[int, int, str], None]
Training = Callable[[DataSplits, Path, Told], object]


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@dataclass
class Units:
    """Two units of a training that compute nothing."""

    accelerator: Any = field(default_factory=lambda: make_accelerator("no"))
    units: int = 0
    total: int = 2
    is_first: bool = False
    module: Any = field(default_factory=tiny)

    def run_unit(self) -> dict[str, float]:
        self.units += 1
        return {}

    def best(self) -> str:
        return ""

    def state(self) -> dict[str, Any]:
        return {}

    def save(self, folder: Path) -> dict[str, Any]:
        return {}


def of_a_student(data: DataSplits, folder: Path, told: Told) -> object:
    steps: list[int] = []

    def epochs(done: int, total: int, best: str) -> None:
        """The last step of an epoch is told once more when the epoch has been judged."""
        if done in steps:
            told(2 * done // total, 2, best)
        steps.append(done)

    settings = TrainingSettings(epochs=2, batch_size=32)
    return train_student(tiny(), data, settings=settings, seed=0, on_progress=epochs)


def of_a_supernet(data: DataSplits, folder: Path, told: Told) -> object:
    session = Units()
    method: Any = SimpleNamespace(name="units", start=lambda job: session)
    job: Any = SimpleNamespace(accelerator=session.accelerator, note=pytest.fail)
    kept = PretrainingFolder(folder / "run")
    kept.path.mkdir()
    return pretrain(method, job, kept, lambda done, total, best: done and told(done, total, best))


def of_a_language_model(data: DataSplits, folder: Path, told: Told) -> object:
    loop: Any = Units(is_first=True)
    return train_language(loop, on_progress=told)


def of_judging(data: DataSplits, folder: Path, told: Told) -> object:
    archs = [Arch({"size": size}) for size in range(2)]
    kept = KeptValues(
        folder, folder, "", lambda some: dict.fromkeys(some, 0.5), pytest.fail, chunk=1
    )
    return kept.of(archs, lambda done: done and told(done, 2, ""))


@pytest.mark.parametrize("training", [of_a_student, of_a_supernet, of_a_language_model, of_judging])
def test_nothing_advances_while_somebody_measures_who_need_not_wait_for_the_end(
    training: Training, digits: DataSplits, tmp_path: Path
) -> None:
    order: list[str] = []

    def measure() -> None:
        with machine_alone():
            order.append("measured")

    def told(done: int, total: int, best: str) -> None:
        order.append(f"unit {done}")
        if done == 1 and "measured" not in order:
            measuring = threading.Thread(target=measure, daemon=True)
            measuring.start()
            measuring.join(timeout=30)

    running = threading.Thread(target=training, args=(digits, tmp_path, told), daemon=True)
    with machine_alone():
        running.start()
        time.sleep(0.3)
        order.append("measured before")
    running.join(timeout=60)
    assert not running.is_alive()
    assert list(dict.fromkeys(order)) == ["measured before", "unit 1", "measured", "unit 2"]


@pytest.mark.parametrize(("here", "waits"), [(2, False), (4, True)])
def test_a_training_on_several_hosts_waits_for_no_measurement(
    here: int, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(here))
    first: Any = SimpleNamespace(num_processes=4, is_main_process=True)
    computed = threading.Event()

    def compute() -> None:
        with computing(first):
            computed.set()

    running = threading.Thread(target=compute, daemon=True)
    with machine_alone():
        running.start()
        assert computed.wait(timeout=0.5) is not waits
    running.join(timeout=10)
    assert computed.is_set()


@pytest.mark.parametrize("views", [None, "clean"])
def test_waiting_for_a_measurement_takes_nothing_of_the_minutes(
    digits: DataSplits, make_teacher: Callable[..., Teacher], views: str | None
) -> None:
    results: list[TrainingResult] = []
    taught: dict[str, Any] = {}
    settings = TrainingSettings(minutes=1 / 60, batch_size=32)
    if views is not None:
        taught = {"teacher": make_teacher(), "distillers": {"kd": 0.9}, "head": "classifier"}
        settings = replace(settings, teacher_views=views)

    def run() -> None:
        results.append(train_student(tiny(), digits, settings=settings, seed=0, **taught))

    training = threading.Thread(target=run, daemon=True)
    with machine_alone():
        training.start()
        time.sleep(3)
    training.join(timeout=60)
    (result,) = results
    assert result.seconds < 2.5
    assert result.epochs_run > 1


def test_others_compute_while_the_default_teacher_is_trained_and_one_process_trains_it(
    digits: DataSplits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default_teacher, "WIDTH", 4)
    monkeypatch.setattr(default_teacher, "BLOCKS", 1)
    monkeypatch.setenv("NAS_KD_CACHE", str(tmp_path))
    trained: list[str] = []

    def train(*arguments: Any, **options: Any) -> object:
        with machine_shared():
            trained.append("while others compute")
        settings = TrainingSettings(epochs=1, batch_size=64)
        told = {"on_progress": lambda done, total, best: best and trained.append("epoch")}
        return train_default_teacher(digits, **{**options, "settings": settings, **told})

    monkeypatch.setattr(setting, "train_default_teacher", train)
    commands = [
        threading.Thread(
            target=load_data_and_teacher, args=(Recipe(), SilentObserver()), daemon=True
        )
        for _ in range(2)
    ]
    with machine_shared():
        for command in commands:
            command.start()
        for command in commands:
            command.join(timeout=60)
    assert sorted(trained) == ["epoch", *2 * ["while others compute"]]
