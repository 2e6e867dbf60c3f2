"""``nas-kd search`` around the job itself: flags, output, files, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studies.recipe import Recipe
from studies.run_directory import FOUND, RunDirectory
from tests.cli.conftest import Command
from tests.report import samples

TEACHER = "tests.cli.own_code:make_teacher"


class _Job:
    """Stands in for the job: leaves a finished run behind, and remembers what it was asked."""

    def __init__(self) -> None:
        self.recipe: Recipe | None = None
        self.fork = False
        self.storage: tuple[str | None, str | None] = (None, None)
        self.budget_met = True

    def __call__(
        self,
        recipe: Recipe,
        run_directory: Path,
        *,
        fork: bool,
        storage: str | None,
        study_name: str | None,
        observer: Any,
    ) -> dict[str, Any]:
        print("a library talks on stdout")
        self.recipe, self.fork = recipe, fork
        self.storage = (storage, study_name)
        run = RunDirectory.create_or_continue(run_directory, recipe, fork=fork)
        observer.phase("search", recipe.search.trials)
        observer.advance(recipe.search.trials or 0, best="score 1")
        table = samples.candidates(60)
        table.to_csv(run.candidates_csv, index=False)
        document = samples.document(table, run.path) | {"budget_met": self.budget_met}
        run.write_result(document)
        return document


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> _Job:
    job = _Job()
    monkeypatch.setattr("studies.pipeline.run_search", job)
    return job


def test_prints_one_document_and_keeps_noise_off_stdout(nas_kd: Command, job: _Job) -> None:
    outcome = nas_kd("search", "--json")
    assert outcome.code == 0
    document = json.loads(outcome.out)
    assert document["schema"] == "nas-kd.search/1"
    assert "a library talks" in outcome.err
    assert "search done" in outcome.err


def test_says_what_it_made_where_and_what_to_do_next(nas_kd: Command, job: _Job) -> None:
    outcome = nas_kd("search")
    for words in (
        "Front: the best",
        "Gain from distillation: +1.11 points",
        "ONNX file: runs/digits/students/1/student.onnx",
        "nas-kd show runs/digits",
        "nas-kd dashboard runs/digits",
        'load_student("runs/digits/students/1")',
    ):
        assert words in outcome.out


def test_leaves_a_picture_and_a_page(nas_kd: Command, job: _Job, tmp_path: Path) -> None:
    nas_kd("search")
    run = tmp_path / "runs" / "digits"
    assert (run / "front.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (run / "report.html").read_text(encoding="utf-8")
    assert not list(run.glob("*.part*"))


def test_a_missed_budget_is_exit_code_3(nas_kd: Command, job: _Job) -> None:
    job.budget_met = False
    outcome = nas_kd("search", "--json")
    assert outcome.code == 3
    assert json.loads(outcome.out)["budget_met"] is False
    assert "does not meet the budget" in outcome.err


def test_every_flag_reaches_the_recipe(nas_kd: Command, job: _Job, tmp_path: Path) -> None:
    weights = tmp_path / "w.pt"
    weights.touch()
    flags = f"""--teacher {TEACHER} --checkpoint {weights} --data digits --image-size 16
        --space cifar-resnet --space-option width=8 --budget macs=40% --budget params=1M
        --device cpu --threads 1 --trials 7 --sampler tpe --proxies naswot,snip
        --objectives score,params --minutes 2.5 --seed 9 --run-dir here --fork
        --workers 3 --storage sqlite:///x.db --study-name ours"""
    assert nas_kd("search", *flags.split()).code == 0
    recipe = job.recipe
    assert recipe is not None
    assert (recipe.teacher.source, recipe.teacher.checkpoint) == (TEACHER, weights)
    assert (recipe.data.source, recipe.data.image_size) == ("digits", 16)
    assert (recipe.space.name, recipe.space.options) == ("cifar-resnet", {"width": 8})
    assert recipe.budget.limits == ("macs=40%", "params=1M")
    assert (recipe.search.trials, recipe.search.sampler) == (7, "tpe")
    assert recipe.search.workers == 3
    assert job.storage == ("sqlite:///x.db", "ours")
    assert recipe.search.proxies == ("naswot", "snip")
    assert recipe.search.objectives == ("score", "params")
    assert (recipe.distill.minutes, recipe.distill.epochs) == (2.5, None)
    assert (recipe.seed, job.fork) == (9, True)
    assert (tmp_path / "here" / "recipe.json").is_file()


def test_a_dry_run_prints_the_recipe_and_does_nothing(
    nas_kd: Command, job: _Job, tmp_path: Path
) -> None:
    outcome = nas_kd("search", "--dry-run", "--trials", 5)
    assert outcome.code == 0
    assert "trials = 5" in outcome.out
    assert "Not checked: whether data and teacher can be loaded" in outcome.err
    assert job.recipe is None
    assert list(tmp_path.iterdir()) == []
    document = json.loads(nas_kd("search", "--dry-run", "--json").out)
    assert document["recipe"]["data"]["source"] == "digits"
    assert document["run_dir"] == "runs/digits"


def test_an_unfinished_run_can_be_shown(nas_kd: Command, job: _Job) -> None:
    nas_kd("search")
    run = RunDirectory.open(Path("runs/digits"))
    document = run.read_result()
    assert document is not None
    names = ("evaluated", "unique", "feasible", "front")
    run.write_state(FOUND, {name: document[name] for name in names})
    run.result_json.unlink()
    outcome = nas_kd("show", run.path)
    assert outcome.code == 0
    assert "This run is not finished" in outcome.out
    assert "Front: the best" in outcome.out
