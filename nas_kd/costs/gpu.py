"""The GPU that CUDA uses first, as nvidia-smi tells of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions

CHOICE = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")
"""Environment variables that decide which GPU is the first."""
_QUERIES = {"gpu": "name", "driver": "driver_version", "gpu_clock_mhz": "clocks.sm",
            "gpu_max_clock_mhz": "clocks.max.sm", "gpu_memory_clock_mhz": "clocks.mem",
            "gpu_state": "pstate", "gpu_celsius": "temperature.gpu"}  # fmt: skip
_ID = "uuid"
_LIBRARIES = ("tensorrt", "nvidia-cudnn")


def gpu_facts() -> dict[str, str]:
    """Name, driver and clocks of the first GPU that CUDA sees; empty where they cannot be read."""
    names = [*_QUERIES, _ID]
    command = ["nvidia-smi", "--format=csv,noheader,nounits"]
    command.append("--query-gpu=" + ",".join([*_QUERIES.values(), _ID]))
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    rows = [line.split(",") for line in output.stdout.splitlines()]
    gpus = [
        dict(zip(names, map(str.strip, row), strict=True)) for row in rows if len(row) == len(names)
    ]
    return {name: value for name, value in first_gpu(gpus, os.environ).items() if name != _ID}


def first_gpu(gpus: Sequence[dict[str, str]], environ: Mapping[str, str]) -> dict[str, str]:
    """The GPU that CUDA calls 0.

    Numbers are nvidia-smi's only under ``CUDA_DEVICE_ORDER=PCI_BUS_ID``: elsewhere CUDA begins with
    the fastest. Then nothing is said but what all GPUs have in common, and the names that it may
    have.

    Args:
        gpus: All of them in nvidia-smi's order, each with ``gpu`` (its name) and ``uuid``.
        environ: Where the variables of `CHOICE` are looked up.

    Returns:
        One of ``gpus`` or the facts that are sure; empty where CUDA sees none.
    """
    visible, order = (environ.get(name) for name in CHOICE)
    entry = "0" if visible is None else visible.partition(",")[0].strip()
    if entry.startswith("GPU-"):
        return next((gpu for gpu in gpus if gpu.get(_ID, "").startswith(entry)), {})
    number = int(entry) if entry.isdecimal() else None
    if not gpus or entry in ("", "-1") or (number is not None and number >= len(gpus)):
        return {}
    if len(gpus) == 1:
        return gpus[0]
    if number is not None and order == "PCI_BUS_ID":
        return gpus[number]
    common = dict(set.intersection(*(set(gpu.items()) for gpu in gpus)))
    return {**common, "gpu": " or ".join(sorted({gpu["gpu"] for gpu in gpus}))}


def gpu_choice() -> dict[str, str]:
    """The variables of `CHOICE` that are set."""
    return {name: os.environ[name] for name in CHOICE if name in os.environ}


def gpu_libraries() -> dict[str, str]:
    """Versions of the installed packages of TensorRT and cuDNN."""
    names = ((str(d.metadata["Name"] or "").lower(), d.version) for d in distributions())
    return {name: version for name, version in sorted(names) if name.startswith(_LIBRARIES)}
