"""The doctor tries things instead of believing what is installed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nas_kd.cli import diagnosis
from tests.cli.conftest import Command

HEALTHY = dict.fromkeys(diagnosis.PACKAGES, "9.0.0") | {"onnxruntime-gpu": None}


def test_this_machine(nas_kd: Command) -> None:
    outcome = nas_kd("doctor", "--json")
    document = json.loads(outcome.out)
    assert document["schema"] == "nas-kd.doctor/1"
    assert outcome.code == (1 if document["problems"] else 0)
    cpu = document["providers"][0]
    assert (cpu["name"], cpu["works"]) == ("CPUExecutionProvider", True)
    assert document["threads"]["usable"] >= 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"torch": "2.13.0"}, "torchvision::nms"),
        ({"onnxruntime-gpu": "1.30.0"}, "both installed"),
        ({"onnxruntime": None}, "onnxruntime is not installed"),
        ({"optuna": "4.8.0"}, "too old"),
        ({"timm": None}, "pip install timm"),
    ],
)
def test_known_conflicts(changes: dict[str, Any], words: str) -> None:
    assert diagnosis.find_conflicts(HEALTHY) == []
    (problem,) = diagnosis.find_conflicts(HEALTHY | changes)
    assert words in problem


def test_the_gpu_wheel_alone_is_fine() -> None:
    versions = HEALTHY | {"onnxruntime": None, "onnxruntime-gpu": "1.30.0"}
    assert diagnosis.find_conflicts(versions) == []


def test_a_provider_that_falls_back_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    monkeypatch.setattr(
        onnxruntime,
        "get_available_providers",
        lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    monkeypatch.setattr(diagnosis, "_run_small_model", lambda name: "CPUExecutionProvider")
    tried = {entry["name"]: entry for entry in diagnosis.try_providers()}
    assert tried["CPUExecutionProvider"]["works"]
    assert tried["CUDAExecutionProvider"]["reason"] == "falls back to CPUExecutionProvider"
    assert "gpu extra" in tried["TensorrtExecutionProvider"]["reason"]


def test_problems_make_the_exit_code(nas_kd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "find_conflicts", lambda versions: ["something is wrong"])
    outcome = nas_kd("doctor")
    assert outcome.code == 1
    assert "something is wrong" in outcome.out
