"""Starting the process that measures, and reading its answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nas_kd
from nas_kd.costs.onnx_models import write_reference_model
from nas_kd.costs.profile import DeviceProfile
from nas_kd.errors import DeviceUnavailableError, NasKdError, UsageError

_ERRORS = {"usage": UsageError, "device": DeviceUnavailableError}


def ask_child(
    profile: DeviceProfile, files: Sequence[Path], schedule: Mapping[str, Any], seed: int = 0
) -> dict[str, Any]:
    """Measures ``files`` in a fresh process and returns its answer.

    Without files the reference model is opened and nothing is measured.

    Args:
        profile: Device, threads and batch.
        files: ONNX files. One that is a link has its other files beside the link.
        schedule: The settings of `nas_kd.costs._latency_child.Schedule`.
        seed: Of the order in which the files are visited.

    Raises:
        DeviceUnavailableError: The provider asked for is missing, or not the one in use.
        UsageError: A file is no model or needs other inputs.
        NasKdError: The process failed, or did not end.
    """
    with TemporaryDirectory(prefix="nas-kd-") as folder:
        request = {
            "files": [str(Path(file).absolute()) for file in files],
            "reference": str(write_reference_model(Path(folder) / "reference.onnx")),
            "provider": profile.provider,
            "threads": profile.threads,
            "batch": profile.batch,
            "seed": seed,
            "schedule": dict(schedule),
        }
        limit = 120.0 + len(files) * (30.0 + 4.0 * schedule["max_seconds"])
        try:
            child = subprocess.run(
                [sys.executable, "-P", "-m", "nas_kd.costs._latency_child"],
                input=json.dumps(request),
                capture_output=True,
                text=True,
                timeout=limit,
                env=_child_environment(),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NasKdError(
                f"latency: the measuring process did not end within {limit:.0f} s. The model may "
                "be far too large for this device; measure a smaller one."
            ) from error
    return _read_answer(child, len(files))


def _child_environment() -> dict[str, str]:
    """This process's environment, with the package importable from any working directory."""
    root = str(Path(nas_kd.__file__).resolve().parents[1])
    path = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def _read_answer(child: subprocess.CompletedProcess[str], files: int) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(child.stdout)
    except json.JSONDecodeError as error:
        if child.returncode == -signal.SIGKILL:
            raise NasKdError(
                f"latency: the measuring process was killed, as happens where memory runs out: "
                f"{files} models were open at once. Free memory, or measure fewer or smaller ones."
            ) from error
        last = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NasKdError(
            f"latency: the measuring process ended with code {child.returncode} ({last}). Try "
            "again; if it happens again, check the onnxruntime package with: nas-kd doctor."
        ) from error
    if "error" in answer:
        kind, message = answer["error"]["kind"], answer["error"]["message"]
        raise _ERRORS.get(kind, NasKdError)(message)
    return answer
