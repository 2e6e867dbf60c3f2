"""``nas-kd export --int8 --fp16``: the files, before and after in the manifest, and refusals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from nas_kd.costs import DeviceProfile, LatencyRecord
from nas_kd.export import export_onnx, load_student, save_student, write_manifest
from nas_kd.export.manifest import changed_files
from search_spaces import Task, create_space
from studies.recipe import Recipe
from tests.cli.conftest import Command
from tests.export.test_comparison import fake_latency

TASK = Task(in_channels=1, image_size=8, num_classes=10)
OPTIONS = {"channels": 4, "cells_per_stage": 1}
ran: list[str] = []
"""Filled when the factory below is called."""


def own_data() -> None:
    """A factory that a manifest may name and nobody may run."""
    ran.append("own_data")


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """An untrained student that was made for the digits."""
    space = create_space("nasbench201", **OPTIONS)
    arch = space.canonical(space.parse("9930"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = space.build(arch, TASK)
        module(torch.randn(64, *TASK.input_shape))
    directory = tmp_path / "student"
    save_student(
        directory,
        module=module.eval(),
        space_name="nasbench201",
        space_options=OPTIONS,
        arch=arch,
        task=TASK,
        classes=[str(digit) for digit in range(10)],
        mean=(0.3,),
        std=(0.4,),
        provenance={"teacher": "digits-cnn", "data": "digits"},
    )
    export_onnx(module, TASK.input_shape, directory / "student.onnx")
    write_recipe(directory, {})
    return directory


def write_recipe(directory: Path, recipe: dict[str, Any]) -> None:
    write_manifest(
        directory,
        costs={},
        latency=None,
        parity={},
        accuracy={},
        seeds={},
        extra={"recipe": recipe} if recipe else {},
    )


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch) -> list[DeviceProfile]:
    """Measures nothing, and keeps on what it was to be measured."""
    asked: list[DeviceProfile] = []

    def measure(files: Sequence[Path], profile: DeviceProfile) -> list[LatencyRecord]:
        asked.append(profile)
        return [fake_latency(1.0 / (1 + index)) for index in range(len(files))]

    monkeypatch.setattr("nas_kd.export.comparison.measure_many", measure)
    return asked


def manifest_of(directory: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
    return manifest


def test_both_files_with_before_and_after_measured(nas_kd: Command, student: Path) -> None:
    outcome = nas_kd("export", student, "--int8", "--fp16", "--calibration", 64, "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    manifest = manifest_of(student)
    assert document["parity"]["passed"]
    assert document["precisions"] == manifest["precisions"]
    assert sorted(manifest["precisions"]) == ["fp16", "int8"]
    for name, record in manifest["precisions"].items():
        file = student / record["file"]
        assert file.name == f"student.{name}.onnx"
        assert record["bytes_after"] == file.stat().st_size
        assert file.name in manifest["files"]
        assert record["split"] == "test"
        assert record["images"] == 360
        assert 0 <= record["accuracy_after"] <= 1
        assert record["latency_before"]["median_ms"] > 0
        assert record["latency_before"]["precision"] == "float32"
        assert record["latency_after"]["precision"] == {"int8": "int8", "fp16": "float16"}[name]
        assert record["latency_ratio"] > 0
        session = onnxruntime.InferenceSession(str(file))
        images = np.zeros((2, *TASK.input_shape), np.float32)
        assert session.run(["logits"], {"images": images})[0].shape == (2, 10)
    told = load_student(student).preprocess.metadata([str(digit) for digit in range(10)])
    for name in ("student.onnx", "student.int8.onnx", "student.fp16.onnx"):
        assert manifest["onnx"][name]["metadata"].items() >= told.items()
    metadata = manifest["onnx"]["student.int8.onnx"]["metadata"]
    assert metadata["nas-kd.int8.calibration_images"] == "64"
    assert not [file for file in student.iterdir() if file.name.startswith(".")]


def test_a_table_for_people_and_earlier_records_kept(
    nas_kd: Command, student: Path, profiles: list[DeviceProfile]
) -> None:
    assert nas_kd("export", student, "--fp16").code == 0
    outcome = nas_kd("export", student, "--int8")
    assert outcome.code == 0, outcome.err
    assert sorted(manifest_of(student)["precisions"]) == ["fp16", "int8"]
    lines = outcome.out.splitlines()
    assert any("test accuracy" in line and "of fp32" in line for line in lines)
    (row,) = (line for line in lines if line.strip().startswith("int8"))
    assert "points" in row
    assert "50 %" in row
    assert profiles == [DeviceProfile(), DeviceProfile()]


def test_elsewhere_leaves_the_student_alone(
    nas_kd: Command, student: Path, profiles: list[DeviceProfile], tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in student.iterdir()}
    outcome = nas_kd("export", student, "--int8", "--output", tmp_path / "new" / "net.onnx")
    assert outcome.code == 0, outcome.err
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["net.int8.onnx", "net.onnx"]
    assert {path: path.read_bytes() for path in student.iterdir()} == before


@pytest.mark.parametrize("kept", [200, -1])
def test_a_damaged_file_beside_the_one_that_is_written_stays_damaged(
    nas_kd: Command, student: Path, kept: int
) -> None:
    """One that is cut short, and one that still reads as a model."""
    other = student / "student.int8.onnx"
    export_onnx(load_student(student).module, TASK.input_shape, other)
    write_recipe(student, {})
    content = other.read_bytes()
    other.write_bytes(content[:kept] + (b"" if kept > 0 else bytes([content[-1] ^ 1])))
    (student / "student.onnx").unlink()
    outcome = nas_kd("export", student)
    assert outcome.code == 0, outcome.err
    assert changed_files(student) == [other.name]


INT8_RECIPE = {"budget": {"limits": ["latency=1ms@cpu-1t-int8"]}}


@pytest.fixture
def delivered(student: Path) -> Path:
    """The student of a run that delivered its int8 file, with numbers of that file."""
    (student / "student.int8.onnx").write_bytes((student / "student.onnx").read_bytes())
    recipe = Recipe.model_validate(INT8_RECIPE)
    write_manifest(
        student,
        costs={},
        latency=fake_latency(77.0),
        parity={},
        accuracy={"accuracy": 0.77, "accuracy_float32": 0.78, "validation_accuracy": 0.79},
        seeds={},
        extra={"recipe": recipe.model_dump(mode="json"), "delivered": "student.int8.onnx"},
    )
    return student


def test_the_numbers_of_the_delivered_file_follow_it(
    nas_kd: Command, delivered: Path, profiles: list[DeviceProfile]
) -> None:
    outcome = nas_kd("export", delivered, "--int8", "--fp16")
    assert outcome.code == 0, outcome.err
    assert profiles == [DeviceProfile(precision="int8")]
    manifest = manifest_of(delivered)
    record = manifest["precisions"]["int8"]
    assert manifest["latency"] == record["latency_after"]
    assert manifest["accuracy"] == {
        "accuracy": record["accuracy_after"],
        "accuracy_float32": record["accuracy_before"],
        "validation_accuracy": 0.79,
    }
    assert changed_files(delivered) == []


def test_another_file_than_the_delivered_one_leaves_its_numbers(
    nas_kd: Command, delivered: Path, profiles: list[DeviceProfile]
) -> None:
    before = manifest_of(delivered)
    outcome = nas_kd("export", delivered, "--fp16", "--data", "digits?channels=1")
    assert outcome.code == 0, outcome.err
    after = manifest_of(delivered)
    assert (after["latency"], after["accuracy"]) == (before["latency"], before["accuracy"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--int8", "--threads", "2"], "for cpu-1t-int8, and cpu-2t-int8 is asked for"),
        (["--int8", "--device", "cuda"], "for cpu-1t-int8, and cuda-1t-int8 is asked for"),
        (
            ["--int8", "--data", "digits?channels=1"],
            "on digits, and digits?channels=1 is asked for",
        ),
        (["--output", "student/student.int8.onnx"], "it is not in float32"),
    ],
)
def test_the_delivered_file_is_replaced_only_by_its_like(
    nas_kd: Command, delivered: Path, arguments: list[str], message: str
) -> None:
    before = {path: path.read_bytes() for path in delivered.iterdir()}
    outcome = nas_kd("export", delivered, *arguments)
    assert outcome.code == 2, outcome.err
    assert message in " ".join(outcome.err.split())
    assert "--output" in outcome.err
    assert {path: path.read_bytes() for path in delivered.iterdir()} == before


def test_the_recipe_of_the_run_names_data_and_device(
    nas_kd: Command, student: Path, profiles: list[DeviceProfile]
) -> None:
    recipe = Recipe.model_validate(
        {"seed": 5, "data": {"validation_share": 0.3}, "budget": {"batch": 4}}
    )
    write_recipe(student, recipe.model_dump(mode="json"))
    assert nas_kd("export", student, "--fp16", "--threads", 1).code == 0
    assert profiles == [DeviceProfile("cpu", 1, 4)]


def test_validation_images_decide_where_there_are_no_test_images(
    nas_kd: Command, student: Path, profiles: list[DeviceProfile], tmp_path: Path
) -> None:
    labels = np.repeat(np.arange(10), 8)
    images = np.random.default_rng(0).integers(0, 256, (80, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "own.npz", images=images, labels=labels)
    outcome = nas_kd("export", student, "--int8", "--data", f"npz:{tmp_path / 'own.npz'}", "--json")
    assert outcome.code == 0, outcome.err
    (record,) = json.loads(outcome.out)["precisions"].values()
    assert record["split"] == "validation"
    assert record["images"] == 16


def test_code_that_a_manifest_names_is_not_run(nas_kd: Command, student: Path) -> None:
    spec = f"{__name__}:own_data"
    recipe = Recipe.model_validate({"data": {"source": spec}})
    write_recipe(student, recipe.model_dump(mode="json"))
    outcome = nas_kd("export", student, "--int8")
    assert outcome.code == 2
    assert f"--data {spec}" in outcome.err
    assert not ran


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "digits"], 2, "for --int8 and --fp16"),
        (["--int8", "--calibration", "0"], 2, "calibration"),
        (["--int8", "--data", "digits?channels=3"], 2, "the student takes (1, 8, 8)"),
        (["--int8", "--data", "folder:nowhere"], 2, "nowhere"),
        (["--int8", "--device", "abacus"], 2, "abacus"),
        (["--int8", "--threads", "1000"], 2, "core"),
    ],
)
def test_refusals_change_nothing(
    nas_kd: Command, student: Path, arguments: list[str], code: int, message: str
) -> None:
    before = {path: path.read_bytes() for path in student.iterdir()}
    outcome = nas_kd("export", student, *arguments)
    assert outcome.code == code, outcome.err
    assert message in " ".join(outcome.err.split())
    assert {path: path.read_bytes() for path in student.iterdir()} == before


def test_a_student_that_does_not_say_its_data(nas_kd: Command, student: Path) -> None:
    config = json.loads((student / "config.json").read_text())
    config["provenance"] = {}
    (student / "config.json").write_text(json.dumps(config))
    write_recipe(student, {})
    outcome = nas_kd("export", student, "--int8")
    assert outcome.code == 2
    assert "--data" in outcome.err
    assert onnx.load(str(student / "student.onnx")).graph.node
