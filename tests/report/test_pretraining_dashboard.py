"""What the dashboard says of a pre-training, by the interface that its page uses."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from nas_kd.errors import UsageError
from nas_kd.report.dashboard import annotations
from nas_kd.report.dashboard.application import pretraining_application
from nas_kd.report.pretraining.writing import write_pretraining_report
from tests.report.asking import asking
from tests.report.pretraining_run import finished, row, unfinished


@pytest.fixture(autouse=True)
def _without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotations, "_EVERY_SECONDS", 0.0)


def test_units_are_trials_with_their_metrics(tmp_path: Path) -> None:
    ask = asking(pretraining_application(finished(tmp_path / "run")))
    (summary,) = ask("/api/studies")[1]["study_summaries"]
    assert summary["study_name"] == "run"
    _, study = ask("/api/studies/0")
    assert study["objective_names"] == ["cell_accuracy"]
    assert study["directions"] == ["maximize"]
    assert [trial["values"] for trial in study["trials"]] == [[0.1], [0.2], [0.1 * 3], [0.4]]
    assert [trial["number"] for trial in study["best_trials"]] == [3]
    told = {a["key"]: float(a["value"]) for a in study["trials"][1]["user_attrs"]}
    assert {**told, "unit": 2} == row(2)
    assert [t["params"][0]["param_internal_value"] for t in study["trials"]] == [1, 2, 3, 4]
    assert ask("/api/studies/0/param_importances")[0] == 200
    columns = {attribute["key"]: attribute["sortable"] for attribute in study["union_user_attrs"]}
    assert columns["train_loss"]
    spans = [
        [datetime.fromisoformat(trial[f"datetime_{end}"]) for end in ("start", "complete")]
        for trial in study["trials"]
    ]
    assert all(complete - start == timedelta(seconds=30) for start, complete in spans)
    assert spans[0][1] == spans[1][0]


def test_note_figures_and_files(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run")
    write_pretraining_report(folder)
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    ask = asking(pretraining_application(folder))
    _, study = ask("/api/studies/0")
    note = study["note"]["body"].replace("\N{NO-BREAK SPACE}", " ").replace("\\", "")
    for text in ("sd-darts on nasbench201", "|nor_conv_3x3~0|", "| cell accuracy | 40.00 % |",
                 "relaxation = \"softmax\"", "since unit 3 of 4"):  # fmt: skip
        assert text in note, text
    headings = {
        graph["id"]: json.loads(graph["graph_object"])["layout"]["title"]["text"]
        for graph in study["plotly_graph_objects"]
    }
    assert headings["nas-kd-alpha_entropy"] == "Alpha entropy"
    assert len(headings) == 6
    files = {a["filename"]: a["artifact_id"] for a in study["artifacts"]}
    assert list(files) == [
        "report.html", "metrics.png", "metrics.csv", "supernet.json", "architecture.png",
    ]  # fmt: skip
    assert ask(f"/artifacts/0/{files['metrics.csv']}")[1] == folder.metrics_csv.read_bytes()
    picture = ask(f"/artifacts/0/{files['architecture.png']}")[1]
    assert Image.open(io.BytesIO(picture)).width == 1536
    assert ask("/api/studies/0", "DELETE")[0] == 500
    assert {p: p.read_bytes() for p in folder.path.rglob("*") if p.is_file()} == before


def test_it_follows_a_training_at_work(tmp_path: Path) -> None:
    folder = unfinished(tmp_path / "run", 2)
    application = pretraining_application(folder)
    assert len(asking(application)("/api/studies/0")[1]["trials"]) == 2
    folder.write_metrics([row(unit) for unit in range(1, 4)])
    study = asking(application)("/api/studies/0")[1]
    assert "### Unit 3" in study["note"]["body"]
    (curve,) = [g for g in study["plotly_graph_objects"] if g["id"] == "nas-kd-skips"]
    assert json.loads(curve["graph_object"])["data"][0]["x"] == [1, 2, 3]


def test_notes_of_people_are_kept(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run")
    ask = asking(pretraining_application(folder))
    version = ask("/api/studies/0")[1]["note"]["version"]
    assert ask("/api/studies/0/note", "PUT", version=version + 1, body="mine")[0] == 204
    again = asking(pretraining_application(folder))("/api/studies/0")[1]
    assert again["note"]["body"] == "mine"


def test_before_the_first_unit_there_is_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no unit of .* is over yet"):
        pretraining_application(unfinished(tmp_path / "run", 0))
