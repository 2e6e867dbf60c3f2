"""Runs a program of the tests in two processes on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[2]


def report_of_two_processes(module: str, folder: Path) -> dict[str, Any]:
    """What the program ``module`` wrote to ``report.pt`` in the folder that it is given."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2", "-m", module, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    finished = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    report: dict[str, Any] = torch.load(folder / "report.pt", weights_only=True)
    assert report["processes"] == 2
    return report
