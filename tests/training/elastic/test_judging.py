"""Images that networks are judged with, however their files are ordered."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nas_kd.data import TensorImages
from nas_kd.training.elastic.judging import CALIBRATION_BATCH, calibration, drawn
from nas_kd.training.recalibrate import recalibrated


def _sorted(count: int) -> TensorImages:
    """Of ten classes, one after the other; every pixel is a tenth of the label."""
    labels = torch.arange(count) * 10 // count
    return TensorImages((labels / 10).view(-1, 1, 1, 1).expand(-1, 1, 2, 2), labels)


def test_statistics_are_those_of_all_classes() -> None:
    norm = recalibrated(nn.Sequential(nn.BatchNorm2d(1)), calibration(_sorted(30_000)))
    mean = norm.get_submodule("0").get_buffer("running_mean")
    assert float(mean) == pytest.approx(0.45, abs=0.02)


@pytest.mark.parametrize(("count", "batches"), [(3, 1), (401, 2), (999, 4), (30_000, 10)])
def test_batches_are_of_one_size_and_nearly_all_is_seen(count: int, batches: int) -> None:
    sizes = [len(batch) for batch in calibration(_sorted(count))]
    assert len(sizes) == batches
    assert len(set(sizes)) == 1
    assert min(count, 2000) - sum(sizes) < batches
    assert sizes[0] >= min(count, CALIBRATION_BATCH)


def test_what_is_drawn_is_always_the_same() -> None:
    assert torch.equal(drawn(1000, 20), drawn(1000, 20))
    assert len(drawn(1000, 20).unique()) == 20
    assert len(drawn(7, 20)) == 7
