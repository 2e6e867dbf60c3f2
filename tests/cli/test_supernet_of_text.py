"""``nas-kd pretrain`` and ``nas-kd search --supernet`` on text, under a latency limit."""

from __future__ import annotations

import json
from pathlib import Path

from nas_kd.errors import ExitCode
from nas_kd.export.text_student import load_text_student
from tests.cli.conftest import Command
from tests.training.language_models import save_teacher, save_text

SETTINGS = ("epochs=1", "batch_size=16", "max_tokens=12", "unit_steps=0", "held_out=0.2")


def test_students_of_text_under_a_latency_limit(nas_kd: Command, tmp_path: Path) -> None:
    teacher, text = save_teacher(tmp_path / "teacher"), save_text(tmp_path / "text.txt", 60)
    words = ["--space", "autodistil-tiny", "--method", "autodistil", "--teacher", teacher]
    words += [word for pair in SETTINGS for word in ("--set", pair)]
    outcome = nas_kd("pretrain", *words, "--data", text, "--run-dir", "run")
    assert outcome.code == 0, outcome.err
    search = ("search", "--supernet", "run", "--tokens", 20, "--trials", 3)
    late = nas_kd(*search, "--budget", "latency=1us")
    assert late.code == ExitCode.NO_FEASIBLE_STUDENT
    assert "measured at 20 tokens" in late.err
    begun = nas_kd("show", "run-search")
    assert "run-search: supernet-search" in begun.out
    assert "This run is not finished" in begun.out
    outcome = nas_kd(*search, "--budget", "latency=900%", "--sampler", "random", "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert (document["judged"], document["size"]) == (3, 48)
    best = document["students"][0]
    assert best["latency_ms"]["median"] > 0
    assert Path(best["onnx"]).is_file()
    assert load_text_student(best["directory"]).provenance["teacher"] == teacher
    shown = nas_kd("show", "run-search")
    assert "48 of 48 students within the counted budget, 3 ranked" in shown.out
    assert json.loads(nas_kd("show", "run-search", "--json").out) == document
    files = [Path("run-search", name) for name in ("result.json", "ranking.csv")]
    before = [file.read_bytes() for file in files]
    refused = nas_kd(*search, "--budget", "params=90%", "--sampler", "random", "--seed", 1)
    assert refused.code == ExitCode.USAGE
    assert "holds another search (budget, seed changed)" in refused.err
    assert [file.read_bytes() for file in files] == before
    other = Path("searched")
    other.mkdir()
    for name in ("recipe.json", "result.json"):
        (other / name).write_text("{}")
    refused = nas_kd(*search, "--run-dir", other)
    assert refused.code == ExitCode.USAGE
    assert "holds a run of another kind (recipe.json)" in refused.err
    assert (other / "result.json").read_text() == "{}"
    table = tmp_path / "task.tsv"
    table.write_text("text\tlabel\n" + "w1\tyes\nw2\tno\n" * 20)
    lesson = ("distill", "run-search", "--task", f"{table}?text=text&label=label")
    refused = nas_kd(*lesson, "--run-dir", "run-search")
    assert refused.code == ExitCode.USAGE
    assert "holds a run of another kind (supernet-search)" in refused.err
    people = nas_kd(*search, "--budget", "latency=900%", "--sampler", "random")
    assert "latency" in people.out
    assert "Budget: latency=900% (of the teacher)" in people.out
    assert "48 of 48 students within the counted budget, 3 ranked" in people.out


def test_options_of_a_space_that_are_not_the_teachers_are_refused(
    nas_kd: Command, tmp_path: Path
) -> None:
    teacher, text = save_teacher(tmp_path / "teacher"), save_text(tmp_path / "text.txt", 60)
    words = ["--space", "autodistil-tiny", "--method", "autodistil", "--teacher", teacher]
    refused = nas_kd("pretrain", *words, "--data", text, "--space-option", "hidden=384")
    assert refused.code == ExitCode.USAGE
    assert "cut from hidden=384, and the teacher has hidden=64" in refused.err
