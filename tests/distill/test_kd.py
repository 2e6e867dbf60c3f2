"""Knowledge distillation from softened logits."""

from __future__ import annotations

import pytest
import torch

from nas_kd.distill import LogitDistillation, Outputs
from tests.contracts.distiller import outputs, targets


def test_it_is_the_definition() -> None:
    student, teacher, temperature = outputs(0), outputs(1), 3.0
    p = (student.logits / temperature).softmax(1)
    q = (teacher.logits / temperature).softmax(1)
    expected = temperature**2 * (q * (q.log() - p.log())).sum(1).mean()
    found = LogitDistillation(temperature)(student, teacher, targets())["kd"]
    torch.testing.assert_close(found, expected)


def test_by_hand() -> None:
    """Teacher (3/4, 1/4), student (1/2, 1/2), T = 1: KL = log 2 - H(3/4) in nats."""
    teacher = Outputs(torch.tensor([[3.0, 1.0]]).log())
    found = LogitDistillation(1.0)(Outputs(torch.zeros(1, 2)), teacher, torch.tensor([0]))["kd"]
    assert found.item() == pytest.approx(0.1308120, abs=1e-6)


def test_the_size_of_the_gradient_does_not_follow_the_temperature() -> None:
    """Hinton et al., equation 4: at high T the gradient is that of half the squared logit gap."""
    teacher = outputs(1)
    centred = teacher.logits - teacher.logits.mean(1, keepdim=True)
    for temperature in (1e3, 1e4):
        logits = torch.zeros_like(centred).requires_grad_()
        LogitDistillation(temperature)(Outputs(logits), teacher, targets())["kd"].backward()
        expected = -centred / centred.numel()
        torch.testing.assert_close(logits.grad, expected, rtol=0, atol=2e-2)
