"""``measure``, ``export`` and ``dashboard`` on real, small things."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import optuna
import pytest
import torch

from nas_kd.cli.dashboard import make_dashboard_server
from nas_kd.costs import LatencyRecord
from nas_kd.export import export_onnx, load_student, save_student, write_manifest
from search_spaces import Task, create_space
from studies.journal import open_storage
from studies.recipe import Recipe
from studies.run_directory import RunDirectory
from tests.cli.conftest import Command

TASK = Task(in_channels=1, image_size=8, num_classes=10)
OPTIONS = {"channels": 4, "cells_per_stage": 1}


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """The best student of a run, untrained."""
    run = RunDirectory.create_or_continue(tmp_path / "run", Recipe())
    directory = run.student(1)
    space = create_space("nasbench201", **OPTIONS)
    arch = space.canonical(space.parse("9930"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = space.build(arch, TASK).eval()
    save_student(
        directory,
        module=module,
        space_name="nasbench201",
        space_options=OPTIONS,
        arch=arch,
        task=TASK,
        classes=[str(digit) for digit in range(10)],
        mean=(0.3,),
        std=(0.4,),
        provenance={},
    )
    export_onnx(module, TASK.input_shape, directory / "student.onnx")
    write_manifest(directory, costs={}, latency=None, parity={}, accuracy={}, seeds={})
    return directory


@pytest.fixture
def quick_latency(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Measures nothing, and keeps which files it was asked to measure."""
    asked: list[Path] = []

    def measure(path: Path, profile: Any, **_: Any) -> LatencyRecord:
        asked.append(path)
        values = {field.name: 0.5 for field in dataclasses.fields(LatencyRecord)}
        values |= {"ci95_ms": (0.4, 0.6), "block_medians_ms": (), "n": 9, "how": "measured"}
        values |= {"flags": (), "cached": False}
        values |= {"provider": profile.provider, "threads": profile.threads, "batch": 1}
        return LatencyRecord(**values)

    monkeypatch.setattr("nas_kd.costs.latency.measure_latency", measure)
    return asked


class TestMeasure:
    @pytest.mark.parametrize("what", ["student", "run", "onnx"])
    def test_one_record_for_each_kind_of_model(
        self, nas_kd: Command, student: Path, quick_latency: list[Path], what: str
    ) -> None:
        target = {"student": student, "run": student.parents[1], "onnx": student / "student.onnx"}
        outcome = nas_kd("measure", target[what], "--json")
        assert outcome.code == 0, outcome.err
        record = json.loads(outcome.out)
        space = create_space("nasbench201", **OPTIONS)
        sizes = space.sizes(space.canonical(space.parse("9930")), TASK)
        assert sizes is not None
        assert record["macs"] == sizes.macs
        assert record["schema"] == "nas-kd.measure/1"
        assert quick_latency == [student / "student.onnx"]
        latency = record["latency_ms"]
        assert (latency["median"], latency["ci95"], latency["p90"]) == (0.5, [0.4, 0.6], 0.5)

    def test_the_delivered_file_is_measured(
        self, nas_kd: Command, student: Path, quick_latency: list[Path]
    ) -> None:
        facts: dict[str, Any] = {"costs": {}, "latency": None, "parity": {}, "accuracy": {}}
        write_manifest(student, **facts, seeds={}, extra={"delivered": "student.int8.onnx"})
        outcome = nas_kd("measure", student)
        assert outcome.code == 2
        assert f"nas-kd export {student} --int8" in outcome.err
        (student / "student.int8.onnx").write_bytes((student / "student.onnx").read_bytes())
        outcome = nas_kd("measure", student.parents[1], "--json")
        assert outcome.code == 0, outcome.err
        assert quick_latency == [student / "student.int8.onnx"]
        assert "(student.int8.onnx)" in json.loads(outcome.out)["model"]

    def test_a_real_measurement_holds_its_evidence(self, nas_kd: Command, student: Path) -> None:
        outcome = nas_kd("measure", student, "--threads", "1", "--json")
        assert outcome.code == 0, outcome.err
        latency = json.loads(outcome.out)["latency_ms"]
        low, high = latency["ci95"]
        assert 0 < low <= latency["median"] <= high
        assert latency["provider"] == "CPUExecutionProvider"
        assert latency.keys() >= {"n", "p90", "threads", "graph_level", "batch", "versions"}

    def test_lines_for_people(
        self, nas_kd: Command, student: Path, quick_latency: list[Path]
    ) -> None:
        out = nas_kd("measure", student).out
        assert "0.5 ms (95 % interval 0.4 to 0.6" in out

    def test_timm_models_take_options(self, nas_kd: Command, quick_latency: list[Path]) -> None:
        outcome = nas_kd("measure", "timm:test_vit?num_classes=3", "--json")
        assert outcome.code == 0, outcome.err
        assert json.loads(outcome.out)["macs"] > 1_000_000

    def test_unknown_timm_options_are_refused(self, nas_kd: Command) -> None:
        outcome = nas_kd("measure", "timm:test_vit?num_clases=3")
        assert outcome.code == 2
        assert "num_clases" in outcome.err


class TestExport:
    def test_writes_the_file_and_brings_the_manifest_up_to_date(
        self, nas_kd: Command, student: Path
    ) -> None:
        (student / "student.onnx").unlink()
        outcome = nas_kd("export", student, "--json")
        assert outcome.code == 0, outcome.err
        document = json.loads(outcome.out)
        assert document["parity"]["passed"]
        manifest = json.loads((student / "manifest.json").read_text())
        assert manifest["parity"]["max_abs"] == document["parity"]["max_abs"]
        assert "student.onnx" in manifest["files"]
        assert load_student(student).task == TASK

    def test_writes_elsewhere(self, nas_kd: Command, student: Path, tmp_path: Path) -> None:
        before = (student / "manifest.json").read_bytes()
        outcome = nas_kd("export", student.parents[1], "--output", tmp_path / "new" / "s.onnx")
        assert outcome.code == 0, outcome.err
        assert (tmp_path / "new" / "s.onnx").is_file()
        assert (student / "manifest.json").read_bytes() == before

    def test_a_wrong_file_is_exit_code_5_and_replaces_nothing(
        self, nas_kd: Command, student: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from nas_kd.export import checked, parity

        honest = parity.check_parity

        def differs(*arguments: Any, **options: Any) -> Any:
            return dataclasses.replace(honest(*arguments, **options), max_abs=1.0, passed=False)

        monkeypatch.setattr(checked, "check_parity", differs)
        before = {path: path.read_bytes() for path in student.iterdir()}
        outcome = nas_kd("export", student)
        assert outcome.code == 5
        assert "parity" in outcome.err
        assert {path: path.read_bytes() for path in student.iterdir()} == before


class TestDashboard:
    def test_serves_the_study_with_a_note_and_the_front(self, tmp_path: Path) -> None:
        run = RunDirectory.create_or_continue(tmp_path / "run", Recipe())
        optuna.create_study(study_name=run.name, storage=open_storage(run.journal))
        server = make_dashboard_server(run, "127.0.0.1", 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/api/studies"
            with urlopen(address, timeout=10) as answer:
                (summary,) = json.load(answer)["study_summaries"]
            with urlopen(f"{address}/{summary['study_id']}", timeout=10) as answer:
                study = json.load(answer)
        finally:
            server.shutdown()
            server.server_close()
        assert summary["study_name"] == "run"
        assert "0 candidates" in study["note"]["body"]

    def test_a_second_start_writes_nothing_more(self, tmp_path: Path) -> None:
        run = RunDirectory.create_or_continue(tmp_path / "run", Recipe())
        optuna.create_study(study_name=run.name, storage=open_storage(run.journal))
        make_dashboard_server(run, "127.0.0.1", 0).server_close()
        once = run.journal.read_bytes()
        make_dashboard_server(run, "127.0.0.1", 0).server_close()
        assert run.journal.read_bytes() == once


@pytest.mark.parametrize(
    ("file", "verbs"),
    [
        ("model.safetensors", ["measure", "export"]),
        ("config.json", ["measure", "export"]),
        ("student.onnx", ["measure"]),
    ],
)
def test_a_file_that_is_not_the_one_of_the_manifest_is_refused(
    nas_kd: Command, student: Path, file: str, verbs: list[str]
) -> None:
    content = bytearray((student / file).read_bytes())
    digits = [place for place, byte in enumerate(content) if file != "config.json" or byte == 0x33]
    content[digits[-1]] ^= 1
    (student / file).write_bytes(content)
    for verb in verbs:
        outcome = nas_kd(verb, student)
        assert outcome.code == 2, outcome.err
        assert f"{file} differs from what manifest.json says" in " ".join(outcome.err.split())
    if file == "student.onnx":
        assert nas_kd("export", student).code == 0
        assert load_student(student).task == TASK


@pytest.mark.parametrize(
    "name", ["student.txt", "folder.onnx", "file/student.onnx", "file/a/s.onnx"]
)
def test_a_place_where_no_file_can_be_written_is_refused_at_once(
    nas_kd: Command, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "file").touch()
    outcome = nas_kd("export", tmp_path, "--output", tmp_path / name)
    assert outcome.code == 2
    assert "--output" in outcome.err
