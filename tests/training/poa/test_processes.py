"""POA in two processes."""

from __future__ import annotations

from pathlib import Path

import torch

from nas_kd.training.poa.sinkhorn import sinkhorn
from tests.training.many_processes import report_of_two_processes


def test_two_processes_train_other_students_and_one_teacher(tmp_path: Path) -> None:
    report = report_of_two_processes("tests.training.poa.two_processes", tmp_path)
    assert report["alike"]
    assert report["moved"]
    assert report["loss"][0] == report["loss"][1]
    assert report["archs"][0] != report["archs"][1]
    scores = torch.rand(32, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(report["balanced"], sinkhorn(scores, 0.05))
