"""Settings of a training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nas_kd.errors import UsageError
from nas_kd.training import TrainingSettings


def test_without_a_length_there_are_thirty_epochs() -> None:
    assert TrainingSettings().epochs == 30
    assert replace(TrainingSettings(), epochs=None, minutes=1.0).epochs is None


def test_one_length_at_a_time() -> None:
    with pytest.raises(UsageError, match="not both"):
        TrainingSettings(epochs=3, minutes=1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("minutes", 0.0),
        ("minutes", float("nan")),
        ("batch_size", 0),
        ("optimizer", "adam"),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("weight_decay", -1e-4),
        ("warmup", 1.0),
        ("label_smoothing", 1.0),
        ("temperature", 0.0),
        ("ce_weight", -1.0),
        ("teacher_views", "dirty"),
        ("precision", "fp8"),
        ("gradient_clip", 0.0),
        ("ema_decay", 1.0),
        ("workers", -1),
    ],
)
def test_a_value_out_of_range_is_named(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=name):
        TrainingSettings(**{name: value})
