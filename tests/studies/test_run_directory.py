from __future__ import annotations

from pathlib import Path

import optuna
import pandas as pd
import pytest

from nas_kd.errors import NasKdError, UsageError
from nas_kd.training.pretraining import PretrainingFolder
from studies.journal import open_storage
from studies.recipe_files import load_recipe
from studies.run_directory import LESSON, RunDirectory

RECIPE = load_recipe("digits")
OTHER = load_recipe("digits", {"seed": 1})
OTHER_END = load_recipe("digits", {"distill.epochs": 77, "finalists.count": 2})


def _run_with_trials(path: Path) -> RunDirectory:
    run = RunDirectory.create_or_continue(path, RECIPE)
    _write_trial(run)
    return run


def _write_trial(run: RunDirectory) -> None:
    optuna.create_study(storage=open_storage(run.journal)).ask()


def test_a_run_without_trials_takes_the_mended_recipe(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    run.write_state("teacher", {"macs": 1})
    mended = RunDirectory.create_or_continue(tmp_path / "run", OTHER)
    assert mended.recipe == OTHER
    assert mended.read_state("teacher") is None


@pytest.mark.parametrize("torn", [b"", b'{"op_code":4,"worker'])
def test_a_study_without_trials_is_no_work(tmp_path: Path, torn: bytes) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    optuna.create_study(storage=open_storage(run.journal))
    with run.journal.open("ab") as journal:
        journal.write(torn)
    mended = RunDirectory.create_or_continue(tmp_path / "run", OTHER)
    assert mended.recipe == OTHER
    assert not mended.journal.exists()


def test_a_damaged_journal_is_left_to_its_recipe(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    run.journal.write_bytes(b"not an entry\n")
    with pytest.raises(UsageError, match="seed"):
        RunDirectory.create_or_continue(tmp_path / "run", OTHER)
    assert run.journal.read_bytes() == b"not an entry\n"


def test_the_same_recipe_continues(tmp_path: Path) -> None:
    first = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    second = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    assert first.path == second.path
    assert second.recipe == RECIPE


def test_a_changed_recipe_is_refused_and_the_run_is_intact(tmp_path: Path) -> None:
    run = _run_with_trials(tmp_path / "run")
    before = run.recipe_json.read_bytes()
    with pytest.raises(UsageError, match="seed") as error:
        RunDirectory.create_or_continue(tmp_path / "run", OTHER)
    assert "--fork" in str(error.value)
    assert run.recipe_json.read_bytes() == before


def test_a_fork_gets_a_directory_of_its_own_and_continues_there(tmp_path: Path) -> None:
    _run_with_trials(tmp_path / "run")
    fork = RunDirectory.create_or_continue(tmp_path / "run", OTHER, fork=True)
    _write_trial(fork)
    again = RunDirectory.create_or_continue(tmp_path / "run", OTHER, fork=True)
    assert fork.path == again.path == tmp_path / "run-2"
    assert RunDirectory.open(tmp_path / "run").recipe == RECIPE


def test_settings_of_the_end_may_change_and_a_result_under_others_is_none(tmp_path: Path) -> None:
    run = _run_with_trials(tmp_path / "run")
    run.write_state("teacher", {"macs": 1})
    run.write_result({"student": {}})
    journal = run.journal.read_bytes()
    again = RunDirectory.create_or_continue(tmp_path / "run", OTHER_END)
    assert (again.recipe, again.read_result()) == (RECIPE, {"student": {}})
    assert again.take(OTHER_END) == ["distill.epochs", "finalists.count"]
    assert (again.recipe, again.read_result()) == (OTHER_END, None)
    assert (again.journal.read_bytes(), again.read_state("teacher")) == (journal, {"macs": 1})
    assert again.take(OTHER_END) == []
    run.recipe_json.write_text("damaged")
    assert RunDirectory.open(run.path).recipe == OTHER_END
    with pytest.raises(UsageError, match=r"\(seed changed\)"):
        again.take(OTHER_END.model_copy(update={"seed": 1}))
    fork = RunDirectory.create_or_continue(tmp_path / "run", RECIPE, fork=True)
    assert fork.path == tmp_path / "run-2"


def test_settings_of_a_training_without_a_search_may_not_change(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    run.work("training", "student", "training.pt")
    with pytest.raises(UsageError, match=r"distill\.epochs"):
        RunDirectory.create_or_continue(tmp_path / "run", OTHER_END)


def test_a_pretraining_is_left_to_its_own_command(tmp_path: Path) -> None:
    training = PretrainingFolder(tmp_path / "run")
    training.claim({"seed": 0})
    before = sorted(training.path.rglob("*"))
    with pytest.raises(UsageError, match=r"another kind \(pretrain.json\). Name another --run-dir"):
        RunDirectory.create_or_continue(training.path, RECIPE)
    assert sorted(training.path.rglob("*")) == before
    fork = RunDirectory.create_or_continue(training.path, RECIPE, fork=True)
    assert fork.path == tmp_path / "run-2"
    training.claim({"seed": 0})


def test_a_run_without_trials_is_kept_too(tmp_path: Path) -> None:
    RunDirectory(tmp_path / "run").write_state(LESSON, {"seed": 0})
    with pytest.raises(UsageError, match=r"another kind \(lesson\)"):
        RunDirectory.create_or_continue(tmp_path / "run", RECIPE)


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        RunDirectory.open(tmp_path)


def test_a_damaged_recipe_is_put_back_from_its_copy(tmp_path: Path) -> None:
    run = _run_with_trials(tmp_path / "run")
    content = run.recipe_json.read_bytes()
    run.recipe_json.write_bytes(content.replace(b'"seed": 0', b'"seed": 1'))
    said: list[str] = []
    damaged = RunDirectory.open(run.path)
    damaged.tell.say = said.append
    assert (damaged.recipe, damaged.recipe) == (RECIPE, RECIPE)
    assert len(said) == 1
    assert "recipe.json is damaged" in said[0]
    with pytest.raises(UsageError, match="seed changed"):
        RunDirectory.create_or_continue(tmp_path / "run", OTHER)
    RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    assert run.recipe_json.read_bytes() == content


def test_a_recipe_damaged_twice_is_explained(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    for path in (run.recipe_json, run.work("recipe.json")):
        path.write_text('{"seed": ')
    with pytest.raises(UsageError, match="damaged"):
        _ = RunDirectory.open(run.path).recipe


def test_a_path_that_cannot_be_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NasKdError, match="--run-dir"):
        RunDirectory.create_or_continue(tmp_path / "file" / "run", RECIPE)


def test_two_commands_on_one_run(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    with run.lock(), pytest.raises(UsageError, match="another nas-kd command"), run.lock():
        pass


@pytest.mark.parametrize("damaged", ["{", "", '{"done": 4}', '{"done": 4, "crc32": "0"}', "[3]"])
def test_state_survives_and_a_damaged_one_counts_as_absent(damaged: str, tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    said: list[str] = []
    run.tell.say = said.append
    assert run.read_state("phase") is None
    run.write_state("phase", {"done": 3})
    assert run.read_state("phase") == {"done": 3}
    assert said == []
    run.work("phase.json").write_text(damaged)
    assert run.read_state("phase") is None
    assert "phase.json is damaged" in said[0]


def test_a_damaged_table_is_left_out(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    said: list[str] = []
    run.tell.say = said.append
    table = pd.DataFrame({"trial": [0, 1], "macs": [100, 200]})
    run.write_candidates(table)
    assert run.read_candidates().equals(table)
    content = run.candidates_csv.read_bytes()
    run.candidates_csv.write_bytes(content.replace(b"200", b"201"))
    assert run.read_candidates().empty
    assert "candidates.csv is damaged" in said[0]
    run.write_candidates(table)
    assert run.read_candidates().equals(table)


def test_a_result_that_does_not_fit_its_checksum_is_refused(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    run.write_result({"student": {"accuracy": 0.91}})
    assert run.read_result() == {"student": {"accuracy": 0.91}}
    text = run.result_json.read_text()
    run.result_json.write_text(text.replace("0.91", "0.97"))
    with pytest.raises(UsageError, match="Run the same search again"):
        run.read_result()


def test_a_training_without_a_search_is_kept_too(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    checkpoint = run.work("training", "student", "checkpoint.safetensors")
    checkpoint.write_bytes(b"hours of work")
    with pytest.raises(UsageError, match="seed"):
        RunDirectory.create_or_continue(tmp_path / "run", OTHER)
    assert checkpoint.read_bytes() == b"hours of work"


def test_a_run_that_a_command_is_working_on_is_left_alone(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    with run.lock(), pytest.raises(UsageError, match="another nas-kd command"):
        RunDirectory.create_or_continue(tmp_path / "run", OTHER)
    assert run.recipe == RECIPE


def test_only_numbered_students_count(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", RECIPE)
    for name in ("10", "2", "2-backup"):
        run.path.joinpath("students", name).mkdir(parents=True)
        run.path.joinpath("students", name, "manifest.json").touch()
    assert [student.name for student in run.students] == ["2", "10"]
