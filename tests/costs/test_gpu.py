"""Which GPU is told of, with made-up answers of nvidia-smi."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from nas_kd.costs import DeviceProfile, environment, gpu

FAST = {"gpu": "NVIDIA H200", "driver": "570.1", "uuid": "GPU-aaaa-1"}
SMALL = {"gpu": "NVIDIA T4", "driver": "570.1", "uuid": "GPU-bbbb-2"}
ORDERED = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
UNSURE = {"gpu": "NVIDIA H200 or NVIDIA T4", "driver": "570.1"}
CUDA = DeviceProfile("cuda")


@pytest.mark.parametrize(
    ("visible", "order", "found"),
    [
        ("1,0", ORDERED, FAST),
        ("0", ORDERED, SMALL),
        (None, ORDERED, SMALL),
        ("GPU-aaaa-1,0", {}, FAST),
        ("GPU-b", {}, SMALL),
        ("GPU-c", {}, {}),
        ("1", {}, UNSURE),
        (None, {}, UNSURE),
        ("MIG-cccc-3", ORDERED, UNSURE),
        ("", ORDERED, {}),
        ("-1", ORDERED, {}),
        ("2", ORDERED, {}),
    ],
)
def test_the_first_that_cuda_sees(
    visible: str | None, order: dict[str, str], found: dict[str, str]
) -> None:
    environ = order if visible is None else {**order, "CUDA_VISIBLE_DEVICES": visible}
    assert gpu.first_gpu([SMALL, FAST], environ) == found


def test_one_alone_needs_no_order() -> None:
    assert gpu.first_gpu([FAST], {}) == FAST
    assert gpu.first_gpu([], {}) == {}


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, stdout=text, stderr="")

    monkeypatch.setattr(subprocess, "run", run)


def test_an_answer_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(
        monkeypatch,
        "NVIDIA T4, 570.1, 300, 1590, 405, P8, 30, GPU-bbbb-2\n"
        "NVIDIA H200, 570.1, 345, 1980, 3201, P0, 28, GPU-aaaa-1\n",
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aaaa-1")
    assert environment.device_name(CUDA) == "NVIDIA H200"
    facts = environment.environment(CUDA)
    assert (facts["gpu_clock_mhz"], facts["gpu_celsius"]) == ("345", "28")
    assert "uuid" not in facts


@pytest.mark.parametrize("text", ["", "\n", "No devices were found\n"])
def test_an_empty_answer_is_no_crash(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    answer(monkeypatch, text)
    assert environment.device_name(CUDA) == "unknown GPU"
    assert "driver" not in environment.device_fingerprint(CUDA)


def test_what_chooses_the_gpu_and_computes_on_it_makes_another_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer(monkeypatch, "NVIDIA T4, 570.1, 300, 1590, 405, P8, 30, GPU-bbbb-2\n")
    for name in gpu.CHOICE:
        monkeypatch.delenv(name, raising=False)
    plain = environment.device_fingerprint(CUDA)
    assert plain["gpu"] == "NVIDIA T4"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    chosen = environment.device_fingerprint(CUDA)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    ordered = environment.device_fingerprint(CUDA)
    monkeypatch.setattr(environment, "gpu_libraries", lambda: {"tensorrt": "10.9"})
    library = environment.device_fingerprint(CUDA)
    fingerprints = [plain, chosen, ordered, library]
    assert all(a != b for i, a in enumerate(fingerprints) for b in fingerprints[:i])
    assert "tensorrt" not in environment.device_fingerprint(DeviceProfile("cpu"))


def test_libraries_of_tensorrt_and_cudnn(monkeypatch: pytest.MonkeyPatch) -> None:
    class Package:
        def __init__(self, name: str, version: str) -> None:
            self.metadata, self.version = {"Name": name}, version

    found = [Package("TensorRT-cu12", "10.9"), Package("nvidia-cudnn-cu12", "9.1"),
             Package("numpy", "2.0")]  # fmt: skip
    monkeypatch.setattr(gpu, "distributions", lambda: found)
    assert gpu.gpu_libraries() == {"nvidia-cudnn-cu12": "9.1", "tensorrt-cu12": "10.9"}
