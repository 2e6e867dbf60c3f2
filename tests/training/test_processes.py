"""Training in two processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.two_processes import run

ROOT = Path(__file__).parents[2]


def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    """Without batch norm, the mean of two half-batch gradients is the gradient of the batch."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2", "-m", "tests.training.two_processes", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    finished = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    report = torch.load(tmp_path / "report.pt", weights_only=True)
    assert report["processes"] == 2
    assert report["alike"]
    alone = run()
    weights = torch.cat([value.flatten() for value in alone.best_state.values()])
    torch.testing.assert_close(report["weights"], weights, rtol=1e-4, atol=1e-6)
    assert report["loss"] == pytest.approx([entry["loss"] for entry in alone.history], rel=1e-4)
    assert report["accuracy"] == alone.validation_accuracy


def test_two_processes_train_a_superlm_as_one_does(tmp_path: Path) -> None:
    """Sub-networks go through a step in both, and their gradients are averaged once."""
    from tests.training import two_language_processes as language

    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2", "-m", "tests.training.two_language_processes"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    finished = subprocess.run(
        [*command, str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    report = torch.load(tmp_path / "report.pt", weights_only=True)
    assert report["processes"] == 2
    assert report["alike"]
    weights, losses = language.run()
    # Adam makes steps of 1e-3 even of gradients that are nothing but rounding.
    torch.testing.assert_close(report["weights"], weights, rtol=1e-3, atol=2e-4)
    assert report["losses"] == pytest.approx(dict(losses), rel=1e-4)
