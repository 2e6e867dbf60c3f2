"""``nas-kd distill STUDENT --task TEXTS``: a student of text learns a task."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from nas_kd.errors import ExitCode
from nas_kd.export.text_student import load_text_student, save_text_student
from nas_kd.file_digest import sha256
from nas_kd.training.checkpoint import CheckpointFile
from search_spaces.supernets import SuperLM
from tests.cli.conftest import Command
from tests.data.text.words import word_tokenizer
from tests.training.language_models import WORDS, lines, save_teacher, small_bert, small_space

QUICK = ("--epochs", 1, "--set", "batch_size=16", "--set", "max_tokens=16", "--set",
         "learning_rate=0.001")  # fmt: skip
COLUMNS = "text=sentence&label=label"
PAIRS = "text=one&second=two&label=score&regression=true"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student, its teacher without a head, a table to classify and one of pairs with scores."""
    folder = tmp_path_factory.mktemp("texts")
    teacher = save_teacher(folder / "teacher")
    space = small_space()
    arch = space.anchors()[1]
    student = SuperLM(small_bert(), space).extract(arch)
    facts = {"teacher": teacher, "space": space.name, "arch": dict(arch), "description": "small"}
    save_text_student(folder / "students" / "1", student, word_tokenizer(WORDS), facts)
    texts = lines(80)
    rows = [f"{text}\t{'yes' if 'w1 ' in text else 'no'}" for text in texts]
    (folder / "task.tsv").write_text("\n".join(["sentence\tlabel", *rows]))
    pairs = [f"{one},{two},{len(one)}" for one, two in zip(texts[::2], texts[1::2], strict=True)]
    (folder / "pairs.csv").write_text("\n".join(["one,two,score", *pairs]))
    return folder


def _distil(nas_kd: Command, place: Path, task: str, *words: object) -> dict[str, Any]:
    outcome = nas_kd("distill", place, "--task", f"{place}/{task}", *QUICK, *words, "--json")
    assert outcome.code == 0, outcome.err
    document: dict[str, Any] = json.loads(outcome.out)
    return document


def test_a_task_is_learned_and_the_student_delivered(nas_kd: Command, place: Path) -> None:
    document = _distil(nas_kd, place, f"task.tsv?{COLUMNS}", "--run-dir", "run")
    student, teacher = document["student"], document["teacher"]
    assert document["metric"] == "accuracy"
    assert teacher["fine_tuned"]
    assert 0 <= min(student["score"], teacher["score"]) <= 1
    assert student["macs"]["32"] < teacher["macs"]["32"]
    assert student["latency_ms"]["fp32"]["32"] > 0
    assert teacher["latency_ms"]["fp32"]["32"] > 0
    assert teacher["params"] > student["params"]
    assert json.loads(Path("run/result.json").read_text())["student"] == student
    with Path("run/metrics.csv").open() as file:
        assert [row["unit"] for row in csv.DictReader(file)] == ["1.0"]
    assert Path("run/metrics.png").is_file()
    assert json.loads(nas_kd("show", "run", "--json").out) == document
    assert "validation accuracy" in nas_kd("show", "run").out
    dashboard = nas_kd("dashboard", "run", "--no-browser")
    assert dashboard.code == ExitCode.USAGE
    assert "holds a lesson, which has no trials" in dashboard.err
    found = load_text_student(student["directory"])
    assert found.model.config.id2label == {0: "no", 1: "yes"}
    assert found.provenance["task"]["classes"] == ["no", "yes"]
    tokens = found.tokenizer(["w1 w2", "w3"], padding=True, return_tensors="np")
    session = onnxruntime.InferenceSession(student["onnx"])
    (outputs,) = session.run(None, {i.name: tokens[i.name] for i in session.get_inputs()})
    with torch.no_grad():
        wanted = found.model(**{name: torch.tensor(value) for name, value in tokens.items()}).logits
    np.testing.assert_allclose(outputs, wanted.numpy(), atol=1e-4)


def test_an_interrupted_training_ends_with_the_same_bits(
    nas_kd: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = (f"task.tsv?{COLUMNS}", "--epochs", 2, "--set", "state_epochs=1")
    whole = _distil(nas_kd, place, *task, "--run-dir", "whole")
    save = CheckpointFile.save

    def interrupted(self: CheckpointFile, state: Any) -> None:
        save(self, state)
        if self.path.parent.name == "student":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(CheckpointFile, "save", interrupted)
        words = ("distill", place, "--task", f"{place}/{task[0]}", *QUICK, *task[1:])
        assert nas_kd(*words, "--run-dir", "cut").code == ExitCode.INTERRUPTED
    begun = nas_kd("show", "cut")
    assert "cut: lesson" in begun.out
    assert "This run is not finished" in begun.out
    resumed = _distil(nas_kd, place, *task, "--run-dir", "cut")
    assert resumed["student"]["score"] == whole["student"]["score"]
    one, other = (Path(d["student"]["directory"], "model.safetensors") for d in (whole, resumed))
    assert one.read_bytes() == other.read_bytes()
    changed = nas_kd(*words, "--set", "temperature=3", "--run-dir", "cut")
    assert changed.code == ExitCode.USAGE
    assert "another training (settings.temperature changed)" in changed.err


def test_pairs_with_scores_for_people(nas_kd: Command, place: Path) -> None:
    words = ("--task", f"{place}/pairs.csv?{PAIRS}", *QUICK, "--set", "teacher_weight=0", "--int8")
    wrong = ("--task", f"{place}/pairs.csv?text=on&label=score")
    assert nas_kd("distill", place, *wrong, "--run-dir", "run").code == ExitCode.USAGE
    outcome = nas_kd("distill", place / "students" / "1", *words, "--run-dir", "run")
    assert outcome.code == 0, outcome.err  # what never began does not keep the directory
    assert "validation spearman" in outcome.out
    assert "teacher" not in outcome.out
    assert Path("run/students/1/student.int8.onnx").is_file()
    assert load_text_student("run/students/1").model.config.num_labels == 1


def test_embeddings_are_learned_from_the_teacher_s(nas_kd: Command, place: Path) -> None:
    (place / "more.txt").write_text("\n".join(lines(20, seed=5)))
    document = _distil(
        nas_kd, place, f"pairs.csv?{PAIRS}", "--embeddings", "--data", f"text:{place / 'more.txt'}"
    )
    directory = document["student"]["directory"]
    assert document["task"]["kind"] == "embeddings"
    assert document["task"]["sentences"] > 2 * document["task"]["train"]
    assert not document["teacher"]["fine_tuned"]
    assert "Classification" not in type(load_text_student(directory).model).__name__
    measured = nas_kd("measure", document["run_dir"], "--json")
    assert measured.code == 0, measured.err
    assert json.loads(measured.out)["macs"] == document["student"]["macs"]["32"]
    assert Path(document["run_dir"]).parent == Path("runs")


def test_a_teacher_has_the_weights_that_the_student_was_cut_from(
    nas_kd: Command, place: Path, tmp_path: Path
) -> None:
    weights, student = tmp_path / "weights.safetensors", tmp_path / "student"
    other = small_bert(seed=1)
    save_file(other.state_dict(), weights)
    facts = {
        "teacher": f"hf:{place / 'teacher'}",
        "checkpoint": str(weights),
        "checkpoint_sha256": sha256(weights),
    }
    save_text_student(student, small_bert(), word_tokenizer(WORDS), facts)
    task = ("--task", f"{place}/pairs.csv?{PAIRS}", "--embeddings", *QUICK, "--json")
    whole = ("--teacher", save_teacher(tmp_path / "whole", other), "--run-dir", "whole")
    teachers = []
    for words in (("--run-dir", "own"), whole):
        outcome = nas_kd("distill", student, *task, *words)
        assert outcome.code == 0, outcome.err
        teachers.append(json.loads(outcome.out)["teacher"])
    assert teachers[0]["checkpoint"] == str(weights)
    assert teachers[0]["score"] == pytest.approx(teachers[1]["score"])
    named = ("--teacher", f"hf:{place / 'teacher'}", "--run-dir", "own")
    assert (
        "training (checkpoint, checkpoint_sha256 changed)"
        in nas_kd("distill", student, *task, *named).err
    )
    save_file(small_bert(seed=2).state_dict(), weights)
    outcome = nas_kd("distill", student, *task)
    assert outcome.code == ExitCode.USAGE
    assert "holds other weights than when" in outcome.err


def test_without_the_weights_of_its_teacher_a_student_learns_from_labels_or_another(
    nas_kd: Command, place: Path, tmp_path: Path
) -> None:
    student = tmp_path / "student"
    facts = {"teacher": f"hf:{place / 'teacher'}", "checkpoint": str(tmp_path / "gone.safetensors")}
    save_text_student(student, small_bert(), word_tokenizer(WORDS), facts)
    words = ("distill", student, "--task", f"{place}/task.tsv?{COLUMNS}", *QUICK, "--json")
    refused = nas_kd(*words)
    assert refused.code == ExitCode.USAGE
    assert "gone.safetensors, which cannot be read" in refused.err
    assert "Put the file back, or name --teacher." in refused.err
    alone = nas_kd(*words, "--set", "teacher_weight=0")
    assert alone.code == 0, alone.err
    assert json.loads(alone.out)["teacher"] == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("task.tsv",), "name the column of its text"),
        ((f"nowhere.tsv?{COLUMNS}",), "there is no file or folder"),
        (("task.tsv?text=sentense&label=label",), "Did you mean 'sentence'"),
        ((f"task.tsv?{COLUMNS}&regression=true",), "is not a number"),
        ((f"task.tsv?{COLUMNS}&validation=dev.tsv&titles=1",), "there is no 'titles'"),
        ((f"task.tsv?{COLUMNS}", "--teacher", "package:nowhere"), "no installed package"),
        ((f"task.tsv?{COLUMNS}", "--set", "state_epochs=-1"), "state_epochs is -1"),
        ((f"task.tsv?{COLUMNS}", "--teacher", "timm:resnet18"), "there is no 'timm'"),
        ((f"task.tsv?{COLUMNS}", "--set", "max_tokens=64", "--set", "temprature=2"),
         "Did you mean 'temperature'"),
        ((f"task.tsv?{COLUMNS}", "--data", "text:more.txt"), "--data: beside --task give only"),
        ((f"task.tsv?{COLUMNS}", "--space", "pit"), "--space: beside --task give only"),
        ((f"task.tsv?{COLUMNS}", "--teacher", "hf:any", "--set", "teacher_weight=0"),
         "nothing is learned from one"),
        ((f"pairs.csv?{PAIRS}", "--set", "temperature=3"), "scores are compared as they are"),
        ((f"task.tsv?{COLUMNS}", "--embeddings"), "pairs of texts with scores"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(
    words: tuple[str, ...], message: str, nas_kd: Command, place: Path
) -> None:
    task, *rest = words
    outcome = nas_kd("distill", place, "--task", f"{place}/{task}", *rest)
    assert outcome.code == ExitCode.USAGE, outcome.err
    assert message in outcome.err


def test_only_students_of_text_learn_tasks(nas_kd: Command, place: Path) -> None:
    outcome = nas_kd("distill", place / "teacher", "--task", f"{place}/task.tsv?{COLUMNS}")
    assert outcome.code == ExitCode.USAGE
    assert "no student of text" in outcome.err
    for words, message in (
        (("--set", "epochs=1"), "say with --task"),
        ((), "is a student of text"),
    ):
        outcome = nas_kd("distill", place, *words)
        assert outcome.code == ExitCode.USAGE
        assert message in outcome.err
