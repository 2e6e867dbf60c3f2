"""Searches for cells in two processes."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.training.darts.two_processes import SEARCHES
from tests.training.many_processes import report_of_two_processes


def test_two_processes_lean_to_one_cell_and_go_on_where_they_were(tmp_path: Path) -> None:
    report = report_of_two_processes("tests.training.darts.two_processes", tmp_path)
    for method in SEARCHES:
        found = report[method]
        assert found["alike"], method
        assert found["teachers_alike"], method
        assert found["resumed"], method
        assert found["archs"][0] == found["archs"][1], method
        assert found["losses"][0] == found["losses"][1], method
        assert found["expected"][0] == found["expected"][1], method
        assert found["alphas_moved"] > 1e-3, method
    commands = [torch.load(tmp_path / f"command-{place}.pt", weights_only=True) for place in (0, 1)]
    assert commands == [[0, 1], [0, 0]]
    assert (tmp_path / "run" / "report.html").is_file()
    assert report["sd-darts"]["expected"][0] > 0
