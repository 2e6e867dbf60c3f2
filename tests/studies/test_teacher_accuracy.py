"""The teacher is judged once, and one that knows nothing is told of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nas_kd.costs import LatencyRecord
from nas_kd.data import DataSplits
from nas_kd.data.images import Images
from nas_kd.teachers import Teacher, doubt
from nas_kd.training import evaluate_accuracy
from studies import setting
from studies.observer import SilentObserver
from studies.recipe import Recipe
from studies.recipe_files import parse_recipe
from studies.run_directory import RunDirectory
from studies.setting import load_data_and_teacher, prepare
from studies.student_training import training_settings
from studies.teacher_accuracy import normalisation_note, teacher_accuracies
from tests.studies.measurements import LATENCY
from tests.training.conftest import digits, tiny

__all__ = ["digits"]
MEAN, STD = (0.1,), (0.9,)


class Noting(SilentObserver):
    """Keeps phases, progress and notes."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.done: list[int] = []
        self.total: int | None = None

    def phase(self, name: str, total: int | None) -> None:
        self.total = total
        self.done = []

    def advance(self, done: int, *, best: str = "") -> None:
        self.done.append(done)

    def note(self, message: str) -> None:
        self.said.append(message)


def untrained_teacher() -> Teacher:
    """A teacher that guesses."""
    return Teacher(tiny(), "tiny", "own:teacher", 10, ["body"], "classifier", MEAN, STD)


@pytest.mark.parametrize("has_test", [True, False])
def test_each_image_is_looked_at_once(
    digits: DataSplits, has_test: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = digits if has_test else replace(digits, test=None)
    judged = data.test or data.validation
    observer, teacher = Noting(), untrained_teacher()
    expected = {
        "accuracy": evaluate_accuracy(teacher.model, judged),
        "validation_accuracy": evaluate_accuracy(teacher.model, data.validation),
    }
    seen: list[int] = []
    batch = Images.batch

    def counted(images: Images, indices: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(len(indices))
        return batch(images, indices)

    monkeypatch.setattr(Images, "batch", counted)
    assert teacher_accuracies(teacher, data, observer) == expected
    total = len(data.validation) + (len(judged) if has_test else 0)
    assert sum(seen) == observer.done[-1] == observer.total == total


@pytest.mark.parametrize(
    ("accuracy", "classes", "is_doubted"),
    [(0.1, 10, True), (0.18, 10, True), (0.2, 10, False), (0.53, 2, True), (0.6, 2, False)],
)
def test_a_teacher_that_hardly_does_more_than_guess_is_doubted(
    accuracy: float, classes: int, is_doubted: bool
) -> None:
    assert (doubt(accuracy, classes) is not None) == is_doubted


def test_a_search_says_how_images_are_normalised_and_that_its_teacher_guesses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_: object) -> LatencyRecord:
        return LATENCY

    monkeypatch.setattr(setting, "measure_latency", measure)
    recipe = parse_recipe({"teacher": {"source": f"{__name__}:untrained_teacher"}})
    observer = Noting()
    run = RunDirectory.create_or_continue(tmp_path / "run", recipe)
    for _ in range(2):
        observer.said = []
        found = prepare(recipe, run, observer)
        assert found.data.mean == MEAN
        assert any("mean 0.100, std 0.900" in line for line in observer.said)
        assert any("WARNING: the teacher is right on" in line for line in observer.said)


def test_weights_of_the_user_s_own_may_have_seen_other_statistics(digits: DataSplits) -> None:
    teacher = untrained_teacher()
    assert "normalise=data" in normalisation_note(teacher, digits, has_option=True)
    assert "normalise=data" not in normalisation_note(teacher, digits, has_option=False)
    teacher.mean = None
    assert "those of the data" in normalisation_note(teacher, digits, has_option=True)


def test_own_code_takes_no_option_of_a_model_by_name(tmp_path: Path) -> None:
    save_file(untrained_teacher().model.state_dict(), tmp_path / "own.safetensors")
    source = {"source": f"{__name__}:untrained_teacher", "checkpoint": tmp_path / "own.safetensors"}
    observer = Noting()
    load_data_and_teacher(parse_recipe({"teacher": source}), observer)
    assert [("normalised" in said, "normalise=data" in said) for said in observer.said] == [
        (True, False)
    ]


def test_a_recipe_says_who_reads_images_and_how_gradients_are_clipped() -> None:
    recipe = parse_recipe({"distill": {"read_workers": 2, "gradient_clip": 0}})
    settings = training_settings(recipe.distill)
    assert (settings.workers, settings.gradient_clip) == (2, None)
    assert training_settings(Recipe().distill).gradient_clip == 5.0
    assert recipe.changes(Recipe()) == ["distill.gradient_clip"]


def test_a_teacher_of_classes_with_other_names_is_told_of(digits: DataSplits) -> None:
    data = replace(digits, classes=[f"kind {number}" for number in range(10)], test=None)
    data = replace(data, validation=data.validation.subset(torch.arange(8)))
    names = tuple(f"sort {number}" for number in range(10))
    observer = Noting()
    teacher_accuracies(replace(untrained_teacher(), classes=names), data, observer)
    assert "sort 0, sort 1" in observer.said[0]
    assert "kind 0, kind 1" in observer.said[0]
    observer = Noting()
    teacher_accuracies(replace(untrained_teacher(), classes=names), digits, observer)
    assert observer.said == []
