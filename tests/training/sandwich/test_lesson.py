"""What the networks of a supernet learn in a step, against the formulas."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from nas_kd.training.sandwich.lesson import Lesson
from nas_kd.training.sandwich.settings import SandwichSettings
from search_spaces import Arch, ElasticVit, Task
from tests.training.elastic.jobs import SPACES

LARGEST, SMALLEST = Arch({"width": 32, "depth": 3}), Arch({"width": 16, "depth": 2})
MIDDLE = Arch({"width": 32, "depth": 2})
IMAGES = torch.randn(6, 1, 8, 8, generator=Generator().manual_seed(0))
LABELS = torch.arange(6)
TEACHER = 3 * torch.randn(6, 10, generator=Generator().manual_seed(1))


def _lesson(**changes: Any) -> Lesson:
    torch.manual_seed(0)
    task = Task(in_channels=1, image_size=8, num_classes=10)
    supernet = ElasticVit(**SPACES["elastic-vit"]).supernet(task)
    torch.nn.init.normal_(supernet.parent.get_classifier().weight)
    return Lesson(supernet, SandwichSettings(label_smoothing=0.0, **changes))


def _divergence(source: Tensor, logits: Tensor) -> Tensor:
    """Mean over the images of sum p log(p / q)."""
    p, log_q = source.softmax(1), logits.log_softmax(1)
    return (p * (p.log() - log_q)).sum(1).mean()


def test_the_sandwich_is_the_sum_of_labels_teacher_and_in_place_distillation() -> None:
    lesson = _lesson(teacher_weight=0.5)
    largest, *others = (lesson.supernet(IMAGES, a) for a in (LARGEST, SMALLEST, MIDDLE))
    expected = F.cross_entropy(largest, LABELS) + 0.5 * _divergence(TEACHER, largest)
    expected = expected + sum(_divergence(largest, logits) for logits in others)

    parts = lesson(IMAGES, LABELS, [LARGEST, SMALLEST, MIDDLE], TEACHER)

    torch.testing.assert_close(parts["loss"], expected)


def test_the_others_teach_the_largest_nothing() -> None:
    """In-place distillation has no gradient through its targets: a label loss of 0 moves nothing
    but what the smallest network is made of."""
    lesson = _lesson(label_weight=0.0)
    lesson(IMAGES, LABELS, [LARGEST, SMALLEST], None)["loss"].backward()
    gradient = lesson.supernet.parent.pos_embed.grad

    assert gradient[..., :16].abs().sum() > 0
    assert gradient[..., 16:].abs().sum() == 0


def test_the_others_can_learn_from_the_teacher_instead() -> None:
    lesson = _lesson(learn_from="teacher", label_weight=0.0)
    expected = sum(
        _divergence(TEACHER, lesson.supernet(IMAGES, arch)) for arch in (LARGEST, SMALLEST)
    )

    loss = lesson(IMAGES, LABELS, [LARGEST, SMALLEST], TEACHER)["loss"]

    torch.testing.assert_close(loss, expected)


def test_hard_targets_are_the_teachers_first_choice() -> None:
    lesson = _lesson(teacher_targets="hard", label_weight=0.5, teacher_weight=0.5)
    logits = lesson.supernet(IMAGES, LARGEST)
    chosen = TEACHER.argmax(1)
    expected = (F.cross_entropy(logits, LABELS) + F.cross_entropy(logits, chosen)) / 2

    torch.testing.assert_close(lesson(IMAGES, LABELS, [LARGEST], TEACHER)["loss"], expected)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_soft_targets_have_a_temperature(temperature: float) -> None:
    lesson = _lesson(temperature=temperature, label_weight=0.0)
    logits = lesson.supernet(IMAGES, LARGEST)
    expected = temperature**2 * _divergence(TEACHER / temperature, logits / temperature)

    torch.testing.assert_close(lesson(IMAGES, LABELS, [LARGEST], TEACHER)["loss"], expected)


def test_who_learns_from_the_teacher_sees_labels_too() -> None:
    lesson = _lesson(learn_from="teacher", label_weight=0.1, teacher_weight=0.9)
    both = lesson(IMAGES, LABELS, [LARGEST, SMALLEST], TEACHER)["loss"]
    alone = [lesson(IMAGES, LABELS, [arch], TEACHER)["loss"] for arch in (LARGEST, SMALLEST)]

    torch.testing.assert_close(both, alone[0] + alone[1])
