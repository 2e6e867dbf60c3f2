"""POA in two processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

from nas_kd.training.poa.sinkhorn import sinkhorn

ROOT = Path(__file__).parents[3]


def test_two_processes_train_other_students_and_one_teacher(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2", "-m", "tests.training.poa.two_processes", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    finished = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    report = torch.load(tmp_path / "report.pt", weights_only=True)

    assert report["processes"] == 2
    assert report["alike"]
    assert report["moved"]
    assert report["loss"][0] == report["loss"][1]
    assert report["archs"][0] != report["archs"][1]
    scores = torch.rand(32, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(report["balanced"], sinkhorn(scores, 0.05))
