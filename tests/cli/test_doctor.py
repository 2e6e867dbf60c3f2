"""The doctor tries things instead of believing what is installed."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from nas_kd.cli import diagnosis
from nas_kd.cli.doctor import report
from nas_kd.cli.machine import find_disturbances
from tests.cli.conftest import Command

HEALTHY = dict.fromkeys(diagnosis.PACKAGES, "9.0.0") | {"onnxruntime-gpu": None}


def test_this_machine(nas_kd: Command) -> None:
    outcome = nas_kd("doctor", "--json")
    document = json.loads(outcome.out)
    assert document["schema"] == "nas-kd.doctor/1"
    assert outcome.code == (1 if document["problems"] else 0)
    cpu = document["providers"][0]
    assert (cpu["name"], cpu["works"]) == ("CPUExecutionProvider", True)
    threads = document["threads"]
    assert 1 <= threads["all"] <= threads["physical"] <= threads["usable"] <= threads["cores"]
    assert document["cpu"]
    assert 0 < document["disk"]["free_gb"] <= document["disk"]["total_gb"]
    assert len(document["load"]) in (0, 3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"torch": "2.13.0"}, "torchvision::nms"),
        ({"onnxruntime-gpu": "1.30.0"}, "both installed"),
        ({"onnxruntime": None}, "onnxruntime is not installed"),
        ({"optuna": "4.8.0"}, "too old"),
        ({"timm": None}, "pip install timm"),
        ({"torch": "2.14.1+cpu", "torchvision": "0.28.0"}, "'torchvision==0.29.*'"),
    ],
)
def test_known_conflicts(changes: dict[str, Any], words: str) -> None:
    assert diagnosis.find_conflicts(HEALTHY) == []
    (problem,) = diagnosis.find_conflicts(HEALTHY | changes)
    assert words in problem


def test_torch_and_its_own_torchvision_are_fine() -> None:
    versions = HEALTHY | {"torch": "2.14.1+cpu", "torchvision": "0.29.1+cpu"}
    assert diagnosis.find_conflicts(versions) == []


QUIET = {
    "threads": {"usable": 8, "cores": 8, "physical": 4, "quota": None, "all": 4},
    "clocks": {"governor": "performance"},
    "load": [0.2, 0.1, 0.1],
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clocks": {"governor": "powersave"}}, "cpupower"),
        ({"threads": QUIET["threads"] | {"quota": 2.5, "all": 2}}, "at most --threads 2"),
        ({"load": [3.0, 0.0, 0.0]}, "other programs are running"),
    ],
)
def test_what_disturbs_a_latency(changes: dict[str, Any], words: str) -> None:
    assert find_disturbances(QUIET) == []
    assert find_disturbances(QUIET | {"clocks": {}, "load": []}) == []
    (warning,) = find_disturbances(QUIET | changes)
    assert words in warning


def test_the_report_fits_a_terminal() -> None:
    document = {
        "python": "3.11.9",
        "system": "Linux x86_64",
        "cpu": "A Processor with a Long Name @ 2.40GHz",
        "threads": QUIET["threads"] | {"quota": 6.5},
        "clocks": {"clock_mhz": 2445.4, "max_clock_mhz": 3500.0, "governor": "powersave"},
        "load": [0.2, 0.1, 0.05],
        "disk": {"path": "/home/someone/" + "deep/" * 20, "free_gb": 12.3, "total_gb": 60.0},
        "versions": {"torch": "2.14.1", "onnxruntime-gpu": None},
        "providers": [
            {"name": "CPUExecutionProvider", "works": True, "reason": ""},
            {"name": "CUDAExecutionProvider", "works": False, "reason": "no driver"},
        ],
        "warnings": ["The governor is slow: [change] it."],
        "problems": [],
    }
    console = Console(file=StringIO(), width=100)
    for part in report(document):
        console.print(part, markup=False, highlight=False)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    for words in (
        "8 of 8 CPUs usable, limited to 6.5; physical cores: 4; --threads all is 4",
        "2445 MHz, at most 3500 MHz, governor powersave",
        "0.2 0.1 0.05",
        "12.3 of 60.0 GB free",
        "no driver",
        "[change] it.",
        "No known problems.",
    ):
        assert words in text
    assert "…" not in text


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


def test_a_provider_that_fails_without_a_word_is_named_by_its_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(name: str) -> str:
        raise MemoryError

    monkeypatch.setattr(diagnosis, "_run_small_model", fail)
    cpu = diagnosis.try_providers()[0]
    assert (cpu["works"], cpu["reason"]) == (False, "MemoryError")


def test_problems_make_the_exit_code(nas_kd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "find_conflicts", lambda versions: ["something is wrong"])
    outcome = nas_kd("doctor")
    assert outcome.code == 1
    assert "something is wrong" in outcome.out
