"""Training in two processes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.many_processes import report_of_two_processes
from tests.training.two_processes import run


def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    """Without batch norm, the mean of two half-batch gradients is the gradient of the batch."""
    report = report_of_two_processes("tests.training.two_processes", tmp_path)
    assert report["alike"]
    alone = run()
    weights = torch.cat([value.flatten() for value in alone.best_state.values()])
    torch.testing.assert_close(report["weights"], weights, rtol=1e-4, atol=1e-6)
    assert report["loss"] == pytest.approx([entry["loss"] for entry in alone.history], rel=1e-4)
    assert report["accuracy"] == alone.validation_accuracy


def test_two_processes_train_a_superlm_as_one_does(tmp_path: Path) -> None:
    """Sub-networks go through a step in both, and their gradients are averaged once."""
    from tests.training import two_language_processes as language

    report = report_of_two_processes("tests.training.two_language_processes", tmp_path)
    assert report["alike"]
    weights, losses = language.run()
    # Adam makes steps of 1e-3 even of gradients that are nothing but rounding.
    torch.testing.assert_close(report["weights"], weights, rtol=1e-3, atol=2e-4)
    assert report["losses"] == pytest.approx(dict(losses), rel=1e-4)
