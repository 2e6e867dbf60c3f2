"""What the dashboard says of a run, by the interface that its page uses."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.study import StudyDirection
from PIL import Image

from nas_kd.errors import NasKdError
from nas_kd.report.dashboard import annotations
from nas_kd.report.dashboard.application import dashboard_application
from nas_kd.report.dashboard.artifacts import candidate_files
from nas_kd.report.dashboard.kept_notes import KeptNotes
from nas_kd.report.dashboard.values_by_now import ValuesByNow
from nas_kd.report.dashboard.view import RunView
from nas_kd.report.keys import key_of
from studies.journal import open_storage
from studies.objectives import Objectives
from studies.recipe_files import parse_recipe
from studies.run_directory import RunDirectory, state_name
from studies.search_result import SearchResult
from tests.report.asking import Ask, asking
from tests.report.dashboard_run import TOO_SLOW, finished_run
from tests.report.journals import append
from tests.report.journals import candidates as others

OTHERS = parse_recipe({"space": {"name": "cifar-resnet", "options": {"width": 6}}})


@pytest.fixture(autouse=True)
def _without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotations, "_EVERY_SECONDS", 0.0)


def files_of(run: RunDirectory) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


@pytest.fixture
def ask(finished: RunDirectory) -> Iterator[Ask]:
    """Asks the dashboard of the run, which stays as it is whatever is asked."""
    before = files_of(finished)
    yield asking(dashboard_application(finished))
    assert files_of(finished) == before


def test_best_trials_are_the_feasible_front(finished: RunDirectory, ask: Ask) -> None:
    study = optuna.load_study(study_name=None, storage=open_storage(finished.journal))
    _, shown = ask("/api/studies/0")
    assert [t["number"] for t in shown["best_trials"]] == [t.number for t in study.best_trials]
    assert shown["objective_names"] == ["score", "macs"]


def test_the_dashboards_own_front_has_infeasible_trials(finished: RunDirectory) -> None:
    """Fails when optuna-dashboard looks at constraints itself: then drop `feasible_front`."""
    from optuna_dashboard._pareto_front import get_pareto_front_trials

    study = optuna.load_study(study_name=None, storage=open_storage(finished.journal))
    front = get_pareto_front_trials(study.trials, study.directions)
    assert sum(any(v > 0 for v in trial.constraints.values()) for trial in front) >= 1


def test_infeasible_trials_are_told(finished: RunDirectory, ask: Ask) -> None:
    _, shown = ask("/api/studies/0")
    over = {t["number"] for t in shown["trials"] if max(t["constraints"]) > 0}
    table = finished.read_candidates()
    assert over == set(table[~table["feasible"]]["trial"])
    assert len(over) > TOO_SLOW


def test_what_is_known_of_a_candidate_has_columns(finished: RunDirectory, ask: Ask) -> None:
    _, shown = ask("/api/studies/0")
    columns = {attribute["key"]: attribute["sortable"] for attribute in shown["union_user_attrs"]}
    assert columns == {"macs": True, "params": True, "diswot": True}
    table = finished.read_candidates().set_index("trial")
    for trial in shown["trials"]:
        known = {a["key"]: float(a["value"]) for a in trial["user_attrs"]}
        assert known["macs"] == table.loc[trial["number"], "macs"]
        assert ("diswot" in known) == np.isfinite(table.loc[trial["number"], "diswot"])


def test_one_objective_has_the_best_feasible_trial(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", OTHERS)
    told = [(c, 100.0 if not c.feasible else score) for c, score in others()]
    append(run, told, [("score", StudyDirection.MAXIMIZE)])
    _, shown = asking(dashboard_application(run))("/api/studies/0")
    study = optuna.load_study(study_name=None, storage=open_storage(run.journal))
    assert [t["number"] for t in shown["best_trials"]] == [study.best_trial.number]


def test_scores_by_rank_are_those_of_this_moment(tmp_path: Path) -> None:
    search = {"proxies": ["naswot"], "fusion": "mean-rank"}
    recipe = parse_recipe({**OTHERS.model_dump(mode="json"), "search": search})
    run = RunDirectory.create_or_continue(tmp_path / "run", recipe)
    found = [candidate for candidate, _ in others()]
    append(run, [(c, float(-number)) for number, c in enumerate(found)])  # the last is the worst
    ranks = SearchResult(Objectives(["score", "macs"], ["naswot"], [], "mean-rank"))
    for trial in open_storage(run.journal).get_all_trials(0):
        ranks.add(trial)
    _, shown = asking(dashboard_application(run))("/api/studies/0")
    assert [t["values"] for t in shown["trials"]] == ranks.values_by_now
    assert {t["number"] for t in shown["best_trials"]} == {
        ranks.first_trial(candidate.key) for candidate in ranks.front
    }
    values = ValuesByNow.of(run)
    view = RunView(open_storage(run.journal), dict, KeptNotes(run.path / "notes.json"), values)
    assert view.get_trial(5).values == ranks.values_by_now[5]


def test_note_figures_and_artifacts_are_there(finished: RunDirectory, ask: Ask) -> None:
    _, shown = ask("/api/studies/0")
    for text in ("### Teacher digits-cnn", "98.33 %", "### Front", "[search]", "trials = 120"):
        assert text in shown["note"]["body"].replace("\N{NO-BREAK SPACE}", " ")
    headings = {
        graph["id"]: json.loads(graph["graph_object"])["layout"]["title"]["text"]
        for graph in shown["plotly_graph_objects"]
    }
    assert headings == {
        "nas-kd-front": "Front",
        "nas-kd-latency": "Measured latency against score",
        "nas-kd-prediction": "Predicted against measured latency",
        "nas-kd-agreement": "Agreement of the proxies",
    }
    assert [a["filename"] for a in shown["artifacts"]] == [
        "report.html", "front.png", "candidates.csv",
    ]  # fmt: skip
    attached = [t for t in shown["trials"] if t["artifacts"]]
    assert len(attached) == 3


def test_artifacts_are_downloaded_from_their_trials(finished: RunDirectory, ask: Ask) -> None:
    document = finished.read_result()
    assert document is not None
    table = finished.read_candidates()
    _, shown = ask("/api/studies/0")
    files = {t["number"]: {a["filename"]: a for a in t["artifacts"]} for t in shown["trials"]}

    def trial(entry: dict[str, Any]) -> int:
        same = table["arch"].map(json.loads).map(lambda arch: arch == entry["arch"])
        return int(table[same]["trial"].iloc[0])

    def content(number: int, name: str) -> Any:
        return ask(f"/artifacts/0/{number}/{files[number][name]['artifact_id']}")[1]

    student = trial(document["student"])
    assert set(files[student]) == {"student.onnx", "manifest.json", "architecture.png"}
    directory = finished.student(1)
    assert content(student, "student.onnx") == (directory / "student.onnx").read_bytes()
    assert content(student, "manifest.json") == {"schema": "a manifest"}
    first = document["finalists"][0]
    finalist = trial(first)
    assert set(files[finalist]) == {"untrained.onnx", "finalist.json", "architecture.png"}
    assert content(finalist, "untrained.onnx").startswith(b"onnx ")
    about = content(finalist, "finalist.json")
    assert about["arch"] == first["arch"]
    assert about["validation_accuracy"] == first["validation_accuracy"]
    assert len(about["latency"]["ci95_ms"]) == 2
    picture = content(finalist, "architecture.png")
    assert Image.open(io.BytesIO(picture)).width == 1536
    assert picture != content(student, "architecture.png")
    assert files[student]["architecture.png"]["mimetype"] == "image/png"


def test_a_second_opening_shows_the_same(finished: RunDirectory, ask: Ask) -> None:
    assert asking(dashboard_application(finished))("/api/studies/0") == ask("/api/studies/0")


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        ("/api/studies/0", "DELETE", {}),
        ("/api/studies/0/rename", "POST", {"study_name": "another"}),
        ("/api/studies", "POST", {"study_name": "another", "directions": ["minimize"]}),
        ("/api/trials/0/tell", "POST", {"state": "Complete", "values": [1, 1]}),
        ("/api/trials/0/user-attrs", "POST", {"user_attrs": {"a": 1}}),
        ("/api/artifacts/0", "POST", {"file": "data:text/plain;base64,YQ==", "filename": "a"}),
    ],
)
def test_the_run_cannot_be_changed(ask: Ask, path: str, method: str, body: dict[str, Any]) -> None:
    before = ask("/api/studies/0")
    assert ask(path, method, **body)[0] == 500
    assert ask("/api/studies/0") == before


def test_an_artifact_cannot_be_deleted(ask: Ask) -> None:
    _, shown = ask("/api/studies/0")
    path = f"0/{shown['artifacts'][0]['artifact_id']}"
    assert ask(f"/api/artifacts/{path}", "DELETE")[0] == 500
    assert ask(f"/artifacts/{path}")[0] == 200


def test_notes_written_by_people_are_kept(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", trials=40)
    journal = run.journal.read_bytes()
    ask = asking(dashboard_application(run))
    version = ask("/api/studies/0")[1]["note"]["version"]
    assert ask("/api/studies/0/note", "PUT", version=version + 1, body="mine " * 999)[0] == 204
    assert ask("/api/studies/0/note", "PUT", version=version + 2, body="mine")[0] == 204
    assert ask("/api/studies/0/7/note", "PUT", version=1, body="look here")[0] == 204
    for shown in (ask, asking(dashboard_application(run))):
        study = shown("/api/studies/0")[1]
        assert study["note"] == {"version": version + 2, "body": "mine"}
        assert study["trials"][7]["note"]["body"] == "look here"
        assert len(study["plotly_graph_objects"]) == 4
    assert run.journal.read_bytes() == journal
    (run.path / "notes.json").write_text("[")
    with pytest.raises(NasKdError, match=r"notes\.json cannot be read"):
        dashboard_application(run)


def test_it_follows_a_running_search(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", OTHERS)
    run.journal.write_bytes(b"")
    ask = asking(dashboard_application(run))
    assert ask("/api/studies")[1] == {"study_summaries": []}
    told = others()
    append(run, told[:20])
    assert "20 candidates" in ask("/api/studies/0")[1]["note"]["body"]
    append(run, told[20:50])
    assert "50 candidates" in ask("/api/studies/0")[1]["note"]["body"]
    assert ask("/api/studies/0")[1]["plotly_graph_objects"] == []


def test_a_torn_last_entry_is_left_to_the_search(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", OTHERS)
    append(run, others()[:5])
    with run.journal.open("ab") as file:
        file.write(b'{"op_code":4,"wor')
    torn = run.journal.read_bytes()
    assert len(asking(dashboard_application(run))("/api/studies/0")[1]["trials"]) == 5
    assert run.journal.read_bytes() == torn


def test_a_damaged_journal_is_one_message(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", OTHERS)
    run.journal.write_text("this was\na journal\n")
    with pytest.raises(NasKdError, match=r"journal\.log cannot be read"):
        dashboard_application(run)


def test_a_finalist_has_the_file_of_the_precision_that_was_measured(tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", OTHERS)
    entry = {"arch": {"width": 8}}
    whole = run.work("candidates", f"{state_name(key_of(entry['arch']))}.onnx")
    whole.write_bytes(b"float32")
    whole.with_suffix(".int8.onnx").write_bytes(b"int8")
    document = {"budget": {"precision": "int8"}, "finalists": [entry]}
    (files,) = candidate_files(run, document).values()
    shown = {file.name: file for file in files}
    assert shown["untrained.int8.onnx"].open().read() == b"int8"
    assert "untrained.onnx" not in shown
