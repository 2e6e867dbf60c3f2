"""What a measurement depends on beside the model: versions, processor, clocks."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nas_kd.costs.cores import find_cores
from nas_kd.costs.gpu import gpu_choice, gpu_facts, gpu_libraries
from nas_kd.costs.profile import DeviceProfile
from nas_kd.costs.system_files import listed_cpus, read_system_file

_PACKAGES = ("nas-kd", "torch", "onnx", "onnxruntime", "onnxruntime-gpu", "numpy")
_CPU_FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq")
_BOOST = Path("/sys/devices/system/cpu/cpufreq/boost")
_NO_TURBO = Path("/sys/devices/system/cpu/intel_pstate/no_turbo")
_CPU_IDENTITY = ("vendor_id", "cpu family", "model", "stepping", "cache size")


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
        return cpu_name()
    return gpu_facts().get("gpu", "unknown GPU")


def environment(profile: DeviceProfile) -> dict[str, Any]:
    """System, cores and clocks at this moment; what cannot be read is left out."""
    cores = find_cores()
    facts: dict[str, Any] = {
        "system": _system(),
        "cpu": cpu_name(),
        "usable_cores": cores.usable,
        "physical_cores": cores.physical,
        "logical_cores": cores.logical,
        "cpu_quota": cores.quota,
        **clocks(),
    }
    return facts if profile.device == "cpu" else {**facts, **gpu_facts()}


def clocks() -> dict[str, Any]:
    """Clock of the first core: ``clock_mhz``, ``max_clock_mhz``, ``governor`` and ``boost``.

    Virtual machines show the clock that they were promised, and no governor.
    """
    facts: dict[str, Any] = {}
    for name, file in (("clock_mhz", "scaling_cur_freq"), ("max_clock_mhz", "cpuinfo_max_freq")):
        if (text := read_system_file(_CPU_FREQUENCY / file)).isdecimal():
            facts[name] = int(text) / 1000
    if "clock_mhz" not in facts and (listed := _cpu_facts().get("cpu MHz")):
        facts["clock_mhz"] = float(listed)
    if governor := read_system_file(_CPU_FREQUENCY / "scaling_governor"):
        facts["governor"] = governor
    for place, on in ((_BOOST, "1"), (_NO_TURBO, "0")):
        if text := read_system_file(place):
            facts["boost"] = text == on
    return facts


def device_fingerprint(profile: DeviceProfile) -> dict[str, str]:
    """What makes a device another one: measurements of one must not be taken for the other's.

    To a GPU belong the variables that choose it and the libraries that compute on it.
    """
    cores = find_cores()
    cpu = _cpu_facts()
    identity = {name: cpu[name] for name in _CPU_IDENTITY if name in cpu}
    facts = {
        **identity,
        "cpu": cpu_name(),
        "cores": f"{cores.usable}/{cores.physical}/{cores.logical}/{cores.quota}",
        "system": _system(),
    }
    if profile.device == "cpu":
        return facts
    gpu = {name: value for name, value in gpu_facts().items() if name in ("gpu", "driver")}
    return {**facts, **gpu, **gpu_choice(), **gpu_libraries()}


def cpu_name() -> str:
    """The processor's model name."""
    listed = _cpu_facts()
    for name in ("model name", "Hardware"):
        if name in listed:
            return listed[name]
    return platform.processor() or platform.machine()


def _cpu_facts() -> dict[str, str]:
    """Of the first CPU."""
    return listed_cpus()[0]


def _system() -> str:
    return f"{platform.system()} {platform.release()} {platform.machine()}"
