"""``nas-kd pretrain`` and ``nas-kd search --supernet`` on real digits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nas_kd.cli.pretrain import _job_flags, _resolve, _summary
from nas_kd.errors import ExitCode, UsageError
from nas_kd.training.pretraining import PretrainingFolder
from tests.cli.conftest import Command
from tests.training.elastic.jobs import SPACES

SMALL = [
    word
    for name, value in SPACES["elastic-vit"].items()
    for word in ("--space-option", f"{name}={value}")
]
TRAIN = (
    "pretrain",
    "--space",
    "elastic-vit",
    "--method",
    "sandwich",
    *SMALL,
    "--set",
    "batch_size=64",
)


CELLS = (
    "pretrain", "--space", "nasbench201", "--method", "darts",
    "--space-option", "channels=4", "--space-option", "cells_per_stage=1",
    "--data", "tests.training.darts.few_digits:few_digits",
    "--set", "judged_images=16", "--set", "batch_size=80",
)  # fmt: skip


@pytest.fixture
def run(nas_kd: Command, tmp_path: Path) -> Path:
    """A supernet after one epoch."""
    outcome = nas_kd(*TRAIN, "--epochs", 1, "--run-dir", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "validation" in outcome.out
    return tmp_path / "run"


def test_the_best_student_of_a_supernet(nas_kd: Command, run: Path) -> None:
    for name in (
        "metrics.csv", "metrics.png", "report.html", "supernet.json", "supernet.safetensors",
    ):  # fmt: skip
        assert (run / name).is_file()
    assert not list(run.glob("work/progress*"))
    outcome = nas_kd("search", "--supernet", run, "--budget", "macs=70%", "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    (student,) = document["students"]
    assert document["feasible"] < document["size"] == 4
    assert Path(student["onnx"]).is_file()
    people = nas_kd("search", "--supernet", run, "--budget", "macs=70%")
    assert student["description"] in people.out
    assert "ranking.csv" in people.out
    other = nas_kd("search", "--supernet", run, "--budget", "macs=90%")
    assert other.code == ExitCode.USAGE
    assert "holds another search (budget changed)" in other.err
    assert json.loads(nas_kd("show", document["run_dir"], "--json").out)["students"] == [student]


def test_the_same_command_gives_the_finished_supernet(nas_kd: Command, run: Path) -> None:
    again = nas_kd(*TRAIN, "--epochs", 1, "--run-dir", run, "--json")
    document = json.loads(again.out)
    assert document["supernet"]["units"] == document["units"] == 1
    assert document == json.loads(nas_kd("show", run, "--json").out)
    other = nas_kd(*TRAIN, "--epochs", 2, "--run-dir", run)
    assert other.code == ExitCode.USAGE
    assert "another training (settings.epochs changed)" in other.err


def test_the_search_that_is_advised_names_labelled_images_where_there_were_none(
    nas_kd: Command, run: Path
) -> None:
    document = json.loads(nas_kd("show", run, "--json").out)
    assert document["supernet"]["labelled"] is True
    assert "--data" not in _summary(document)[-1]
    document["supernet"]["labelled"] = False
    assert "--budget macs=50% --data folder:LABELLED" in _summary(document)[-1]


def test_flags_of_language_models_are_refused(nas_kd: Command, run: Path) -> None:
    words = ("--tokens", 32, "--proxies", "w_pca", "--epochs", 2)
    outcome = nas_kd("search", "--supernet", run, *words)
    assert outcome.code == ExitCode.USAGE
    assert "--tokens, --proxies, --epochs: this belongs to a supernet of lang" in outcome.err
    assert not run.with_name("run-search").exists()


def test_a_budget_that_no_student_meets(nas_kd: Command, run: Path) -> None:
    outcome = nas_kd("search", "--supernet", run, "--budget", "macs=1k")
    assert outcome.code == ExitCode.NO_FEASIBLE_STUDENT
    assert "The smallest has" in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("pretrain", "--space", "elastic-vit", "--method", "sandwhich"),
            "Did you mean 'sandwich'",
        ),
        (("pretrain", "--space", "pit", "--method", "sandwich"), "no supernet of 'pit'"),
        ((*TRAIN, "--set", "epoch=3"), "Did you mean 'epochs'"),
        ((*TRAIN, "--set", "epochs=many"), "not a whole number"),
        ((*TRAIN, "--checkpoint", "w.pt"), "name --teacher"),
        (
            ("pretrain", "--space", "autodistil-tiny", "--method", "autodistil"),
            "--data text:FOLDER",
        ),
        (
            ("pretrain", "--space", "elastic-vit", "--method", "poa", "--teacher", "t"),
            "poa learns without one",
        ),
        ((*TRAIN, "--budget", "macs=1M"), "search --supernet"),
        ((*CELLS, "--budget", "latency=5ms"), "keeps within a number of MACs"),
        ((*CELLS, "--budget", "macs=1M", "--set", "macs_limit=2e6"), "says the same"),
        ((*CELLS, "--budget", "macs=50%"), "keeps within a number of MACs"),
        (("search", "--supernet", "nowhere"), "no directory of nas-kd pretrain"),
        (("search", "--supernet", "nowhere", "--workers", "5"), "--workers"),
    ],
)
def test_what_does_not_fit_is_told(
    words: tuple[str, ...], message: str, nas_kd: Command, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    outcome = nas_kd(*words)
    assert outcome.code == ExitCode.USAGE
    assert message in outcome.err
    assert not (tmp_path / "runs").exists()


MEASURED = (*CELLS, "--epochs", 1, "--set", "cost_weight=1", "--set")


def test_an_interrupted_one_has_a_report(
    nas_kd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas_kd.training.darts.session import SearchSession

    whole = SearchSession.run_unit
    run = tmp_path / "run"

    def interrupted(self: SearchSession) -> Any:
        if (run / "metrics.csv").is_file():
            raise KeyboardInterrupt
        return whole(self)

    monkeypatch.setattr(SearchSession, "run_unit", interrupted)
    assert nas_kd(*CELLS, "--epochs", 2, "--run-dir", run).code == ExitCode.INTERRUPTED
    assert "1 unit so far" in (run / "report.html").read_text()
    (run / "metrics.csv").write_text("damaged")
    monkeypatch.setattr(SearchSession, "run_unit", whole)
    outcome = nas_kd(*CELLS, "--epochs", 2, "--run-dir", run)
    assert outcome.code == 0, outcome.err
    page = (run / "report.html").read_text()
    assert "2 units, " in page
    assert "The cell that was found" in page
    for verb in ("nas-kd distill '{", "nas-kd search --start-with '{"):
        (told,) = (line for line in outcome.out.splitlines() if verb in line)
        for words in (
            "--space nasbench201", "channels=4", "cells_per_stage=1",
            "--data tests.training.darts.few_digits:few_digits", "--seed 0",
        ):  # fmt: skip
            assert words in told


def test_the_found_student_is_trained_on_the_same_job_in_the_network_that_is_delivered() -> None:
    """The search of the DARTS space runs in a small network; what it found does not."""
    _, frozen = _resolve(
        "darts", space="darts", space_options=["pool_norm=1", "stem_stride=8"], limits=[], pairs=[],
        data="folder:photos", teacher=None, checkpoint=None, image_size=32, seed=3,
    )  # fmt: skip
    assert frozen["space_options"] == {"channels": 16, "cells": 8, "pool_norm": 1, "stem_stride": 8}
    job = {**frozen, "teacher": "timm:resnet18", "checkpoint": "my weights.pt"}
    words = _job_flags(job)
    pairs = list(zip(words[::2], words[1::2], strict=True))
    assert [value for name, value in pairs if name == "--space-option"] == [
        "channels=36", "cells=20", "auxiliary=0", "drop_path=0", "pool_norm=1", "stem_stride=8",
    ]  # fmt: skip
    assert {name: value for name, value in pairs if name != "--space-option"} == {
        "--space": "darts",
        "--data": "folder:photos",
        "--teacher": "timm:resnet18",
        "--checkpoint": "my weights.pt",
        "--image-size": "32",
        "--seed": "3",
    }


def test_a_run_is_tied_to_what_the_teachers_file_of_weights_holds(tmp_path: Path) -> None:
    file, folder = tmp_path / "weights.pt", PretrainingFolder(tmp_path / "run")

    def frozen(content: bytes) -> dict[str, Any]:
        file.write_bytes(content)
        return _resolve(
            "darts", space="nasbench201", space_options=[], limits=[], pairs=[], data=None,
            teacher="timm:resnet18", checkpoint=file, image_size=None, seed=0,
        )[1]  # fmt: skip

    folder.claim(frozen(b"one"))
    folder.write_metrics([{"unit": 1, "seconds": 1.0}])
    folder.claim(frozen(b"one"))
    with pytest.raises(UsageError, match=r"another training \(checkpoint_sha256 changed\)"):
        folder.claim(frozen(b"other"))


def test_a_cell_within_a_budget(nas_kd: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = (*CELLS, "--epochs", 1, "--run-dir", run, "--budget", "macs=120k")
    outcome = nas_kd(*words, "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert document["settings"]["macs_limit"] == 120_000
    assert document["settings"]["cost_weight"] == 1
    found = document["supernet"]
    assert found["macs"] <= 120_000
    assert document["last"]["expected_cost"] > 0
    again = nas_kd(*words)
    assert "(limit 120 k)" in again.out
    assert "--budget macs=120000" in again.out
    assert "from the labels and a teacher, which is digits-cnn, trained on these data" in again.out
    assert "limit 120 k" in (run / "report.html").read_text()
    none = nas_kd(*CELLS, "--epochs", 1, "--run-dir", tmp_path / "none", "--budget", "macs=1k")
    assert none.code == ExitCode.NO_FEASIBLE_STUDENT
    assert "even the cheapest cells" in none.err


def test_operations_are_measured_on_the_users_device(nas_kd: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    outcome = nas_kd(*MEASURED, "cost_table=measured:cpu-1t", "--run-dir", run)
    assert outcome.code == 0, outcome.err
    assert "Measuring 12 operations on cpu-1t" in outcome.err
    kept = json.loads((run / "operation_latency.json").read_text())["latency_ms"]
    assert set(kept) >= {"nothing on 4x8x8", "nor_conv_3x3 on 16x2x2"}
    assert "Expected cost" in (run / "report.html").read_text()


@pytest.mark.parametrize(
    ("device", "code"), [("npu", ExitCode.USAGE), ("tensorrt", ExitCode.DEVICE_UNAVAILABLE)]
)
def test_a_device_that_nobody_knows_or_that_is_not_here_is_refused(
    nas_kd: Command, tmp_path: Path, device: str, code: ExitCode
) -> None:
    outcome = nas_kd(*MEASURED, f"cost_table=measured:{device}", "--run-dir", tmp_path / "run")
    assert outcome.code == code
    assert device in outcome.err
