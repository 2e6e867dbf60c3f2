"""What a training minimises."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from nas_kd.distill import Outputs, create_distiller
from nas_kd.errors import UsageError
from nas_kd.training.objective import CROSS_ENTROPY, Objective
from nas_kd.training.settings import TrainingSettings

LABELS = torch.tensor([0, 1, 2])
STUDENT = Outputs(torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.5, 1.0], [0.0, 1.0, 0.0]]))
TEACHER = Outputs(torch.tensor([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 0.0, 4.0]]))


def test_it_is_the_weighted_sum() -> None:
    settings = TrainingSettings(ce_weight=0.1, temperature=2.0, label_smoothing=0.2)
    loss, parts = Objective({"kd": 0.9}, settings)(STUDENT, TEACHER, LABELS)
    labels = F.cross_entropy(STUDENT.logits, LABELS, label_smoothing=0.2)
    soft = create_distiller("kd", temperature=2.0)(STUDENT, TEACHER, LABELS)["kd"]
    torch.testing.assert_close(loss, 0.1 * labels + 0.9 * soft)
    assert parts == {CROSS_ENTROPY: labels, "kd": soft, "loss": loss}


def test_it_needs_what_its_distillers_need() -> None:
    objective = Objective({"kd": 0.9, "diswot_mr": 3000, "diswot_ms": 0}, TrainingSettings())
    assert objective.needs == {"logits", "features"}
    assert list(objective.weights) == ["kd", "diswot_mr"]


def test_a_distiller_has_settings_of_its_own() -> None:
    settings = TrainingSettings(ce_weight=0, temperature=4.0)
    loss, parts = Objective({"kd?temperature=2": 0.5}, settings)(STUDENT, TEACHER, LABELS)
    soft = create_distiller("kd", temperature=2.0)(STUDENT, TEACHER, LABELS)["kd"]
    torch.testing.assert_close(loss, 0.5 * soft)
    assert parts["kd"] == soft
    with pytest.raises(UsageError, match="kd stands in it twice"):
        Objective({"kd": 0.5, "kd?temperature=2": 0.5}, settings)


def test_weights_have_to_make_sense() -> None:
    with pytest.raises(UsageError, match="kd weighs -1"):
        Objective({"kd": -1}, TrainingSettings())
    with pytest.raises(UsageError, match="nothing to learn from"):
        Objective({"kd": 0}, TrainingSettings(ce_weight=0))
    with pytest.raises(UsageError, match="Did you mean"):
        Objective({"kdd": 1}, TrainingSettings())
