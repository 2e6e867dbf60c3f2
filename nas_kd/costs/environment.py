"""What a measurement depends on beside the model: versions, processor, clocks, load."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nas_kd.costs.profile import DeviceProfile, usable_cores

_PACKAGES = ("nas-kd", "torch", "onnx", "onnxruntime", "onnxruntime-gpu", "numpy")
_CPU_FOLDER = Path("/sys/devices/system/cpu/cpu0/cpufreq")


def package_versions(packages: tuple[str, ...] = _PACKAGES) -> dict[str, str]:
    """Versions of the installed ones among ``packages``, without importing them."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def device_name(profile: DeviceProfile) -> str:
    """The processor's name: the CPU's, or the GPU's where the profile names one."""
    if profile.device == "cpu":
        return _cpu_name()
    return _gpu_facts().get("gpu", "unknown GPU")


def environment(profile: DeviceProfile) -> dict[str, Any]:
    """System, cores, clocks and load at this moment; what cannot be read is left out."""
    facts: dict[str, Any] = {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu_name(),
        "usable_cores": usable_cores(),
    }
    if hasattr(os, "getloadavg"):
        facts["load_average_1min"] = round(os.getloadavg()[0], 2)
    for name, file in (("governor", "scaling_governor"), ("clock_khz", "scaling_cur_freq")):
        if text := _read(_CPU_FOLDER / file):
            facts[name] = text
    return facts if profile.device == "cpu" else {**facts, **_gpu_facts()}


def _cpu_name() -> str:
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Hardware"):
            return value.strip()
    return platform.processor() or platform.machine()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _gpu_facts() -> dict[str, str]:
    """Name, driver and clocks of the first GPU, from nvidia-smi."""
    names = {"gpu": "name", "driver": "driver_version", "gpu_clock_mhz": "clocks.sm",
             "gpu_memory_clock_mhz": "clocks.mem"}  # fmt: skip
    command = ["nvidia-smi", "-i", "0", "--format=csv,noheader,nounits"]
    command.append("--query-gpu=" + ",".join(names.values()))
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    values = [value.strip() for value in output.stdout.splitlines()[0].split(",")]
    return dict(zip(names, values, strict=False))
