"""A killed pre-training goes on to the very same weights."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file

from nas_kd.training.pretraining import PretrainingFolder
from tests.training.elastic.jobs import same_bits
from tests.training.poa.killed import train

ROOT = Path(__file__).parents[3]


def test_a_killed_training_resumes_to_the_same_weights(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.training.poa.killed", str(tmp_path / "cut")]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=240, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert PretrainingFolder(tmp_path / "cut").facts() is None
    told: list[int] = []

    resumed = train(tmp_path / "cut", lambda done, total, best: told.append(done))
    whole = train(tmp_path / "whole", lambda done, total, best: None)

    assert told == [1, 2, 3]
    assert same_bits(load_file(resumed), load_file(whole))
