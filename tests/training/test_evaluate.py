"""Accuracy."""

from __future__ import annotations

import pytest
import torch

from nas_kd.data import DataSplits
from nas_kd.training import evaluate_accuracy
from tests.training.conftest import TinyNet


def test_it_is_the_share_of_right_answers(digits: DataSplits, student: TinyNet) -> None:
    images, labels = digits.validation.batch(range(len(digits.validation)))
    student.eval()
    expected = (student(images).argmax(1) == labels).float().mean().item()
    for batch_size in (7, 96, 1000):
        found = evaluate_accuracy(student, digits.validation, batch_size=batch_size)
        assert found == pytest.approx(expected)


def test_it_leaves_the_module_as_it_was(digits: DataSplits, student: TinyNet) -> None:
    student.train()
    student.body.eval()
    modes = [module.training for module in student.modules()]
    state = {name: value.clone() for name, value in student.state_dict().items()}
    evaluate_accuracy(student, digits.validation)
    assert [module.training for module in student.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in student.state_dict().items())
