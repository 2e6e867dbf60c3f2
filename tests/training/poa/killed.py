"""Run as a program: a pre-training that is killed when its second epoch begins."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from nas_kd.training.poa.settings import PoaSettings
from nas_kd.training.pretraining import METHODS, PretrainingFolder, pretrain
from tests.training.elastic.jobs import SPACES, make_job
from tests.training.poa.jobs import TINY


def train(path: Path, on_progress: Any) -> Path:
    """A training of three epochs in ``path``, from where it stands to its end; its weights."""
    folder = PretrainingFolder(path)
    folder.claim({"method": "poa", "space": "elastic-vit", "space_options": SPACES["elastic-vit"]})
    job = make_job(PoaSettings(**{**TINY, "epochs": 3}))
    facts = pretrain(METHODS.get("poa"), job, folder, on_progress)
    return path / str(facts["weights"])


def _killed_before_the_second_epoch(done: int, total: int, best: str) -> None:
    if done == 1:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    train(Path(sys.argv[1]), _killed_before_the_second_epoch)
