"""The examination behind ``nas-kd doctor``."""

from __future__ import annotations

import importlib
import platform
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nas_kd.cli.machine import examine_machine, find_disturbances
from nas_kd.costs.profile import PROVIDERS as DEVICE_PROVIDERS
from nas_kd.errors import first_line

PACKAGES = (
    "nas-kd",
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "accelerate",
    "optuna",
    "optuna-dashboard",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "fvcore",
    "numpy",
    "pandas",
)
_OPTIONAL = {"nas-kd", "onnxruntime-gpu"}
_IMPORTED = ("torch", "torchvision", "timm", "onnxruntime")
_PROVIDERS = tuple(DEVICE_PROVIDERS.values())
_REMOTE = "AzureExecutionProvider"
"""In every wheel, but it calls a service and computes nothing here."""
_LITTLE_DISK_GB = 1.0
_TORCHVISION_AHEAD = 15
"""torchvision 0.N+15 is built for torch 2.N."""


def examine() -> dict[str, Any]:
    """Everything that the doctor reports.

    ``problems`` keep the suite from working and are empty on a healthy machine; ``warnings`` make
    latencies worse or less sure.
    """
    versions = {name: installed_version(name) for name in PACKAGES}
    providers = try_providers()
    usage = shutil.disk_usage(Path.cwd())
    free_gb = usage.free / 1e9
    problems = [*find_conflicts(versions), *_failing_imports(versions)]
    if not providers[0]["works"]:
        problems.append(f"ONNX Runtime does not run on the CPU: {providers[0]['reason']}")
    if free_gb < _LITTLE_DISK_GB:
        problems.append(f"Only {free_gb:.2f} GB of disk are free at {Path.cwd()}.")
    machine = examine_machine()
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **machine,
        "disk": {"path": str(Path.cwd()), "free_gb": free_gb, "total_gb": usage.total / 1e9},
        "versions": versions,
        "providers": providers,
        "warnings": find_disturbances(machine),
        "problems": problems,
    }


def installed_version(package: str) -> str | None:
    """The installed version; None when the package is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def find_conflicts(versions: Mapping[str, str | None]) -> list[str]:
    """What is known not to work together, each with what to do.

    Args:
        versions: Package to installed version, None where it is missing.
    """
    found = [
        f"{name} is not installed: pip install {name}"
        for name in PACKAGES
        if versions.get(name) is None and name not in _OPTIONAL | {"onnxruntime"}
    ]
    if (versions.get("torch") or "").startswith("2.13."):
        found.append(
            "torch 2.13 and the torchvision built for it do not import together "
            "(torchvision::nms is missing): install torch 2.12 or 2.14 with its torchvision."
        )
    if versions.get("onnxruntime") and versions.get("onnxruntime-gpu"):
        found.append(
            "onnxruntime and onnxruntime-gpu are both installed under one import name, so either "
            "may be used: pip uninstall both, then install the one that you want."
        )
    if not versions.get("onnxruntime") and not versions.get("onnxruntime-gpu"):
        found.append("onnxruntime is not installed: pip install onnxruntime")
    if (major := _numbers(versions.get("optuna"))[:1]) and major < (5,):
        found.append(f"optuna {versions['optuna']} is too old: pip install 'optuna>=5'")
    torch, vision = (_numbers(versions.get(name))[:2] for name in ("torch", "torchvision"))
    if torch[:1] == (2,) and vision[:1] == (0,) and vision[1] != torch[1] + _TORCHVISION_AHEAD:
        found.append(
            f"torchvision {versions['torchvision']} was not built for torch {versions['torch']}, "
            "and its operators may be missing: pip install "
            f"'torchvision==0.{torch[1] + _TORCHVISION_AHEAD}.*'"
        )
    return found


def _numbers(version_text: str | None) -> tuple[int, ...]:
    """``2.14.1+cpu`` as ``(2, 14, 1)``; empty for none."""
    parts = (version_text or "").partition("+")[0].split(".")
    return tuple(int(part) for part in parts if part.isdecimal())


def try_providers() -> list[dict[str, Any]]:
    """Runs a small model on each execution provider: being installed is not yet working."""
    try:
        import onnxruntime
    except Exception as error:
        reason = f"onnxruntime cannot be imported ({error})"
        return [{"name": name, "works": False, "reason": reason} for name in _PROVIDERS]
    available = onnxruntime.get_available_providers()
    others = [name for name in available if name not in (*_PROVIDERS, _REMOTE)]
    return [_try_provider(name, available) for name in (*_PROVIDERS, *others)]


def _try_provider(name: str, available: list[str]) -> dict[str, Any]:
    if name not in available:
        reason = "not in the installed onnxruntime"
        if name in _PROVIDERS[1:]:
            reason += " (needs onnxruntime-gpu: see the gpu extra)"
        return {"name": name, "works": False, "reason": reason}
    try:
        used = _run_small_model(name)
    except Exception as error:
        return {"name": name, "works": False, "reason": first_line(error)}
    works = used == name
    return {"name": name, "works": works, "reason": "" if works else f"falls back to {used}"}


def _run_small_model(provider: str) -> str:
    """Doubles a number on ``provider`` and returns the provider that was really used."""
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper

    tensors = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])], "double", tensors[:1], tensors[1:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=[provider]
    )
    (result,) = session.run(None, {"x": np.array([2.0], dtype=np.float32)})
    if result[0] != 4.0:
        raise ArithmeticError(f"computed 2 + 2 = {result[0]}")
    return str(session.get_providers()[0])


def _failing_imports(versions: Mapping[str, str | None]) -> list[str]:
    problems = []
    for name in _IMPORTED:
        if versions.get(name) is None:
            continue
        try:
            importlib.import_module(name)
        except Exception as error:
            problems.append(f"{name} {versions[name]} cannot be imported: {error}")
    return problems
