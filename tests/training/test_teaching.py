"""The teacher's side of a training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from nas_kd.data import DataSplits
from nas_kd.errors import UsageError
from nas_kd.teachers import Teacher
from nas_kd.training import TrainingSettings, train_student
from nas_kd.training.processes import make_accelerator
from nas_kd.training.teaching import Teaching
from tests.training.conftest import TinyNet

MakeTeacher = Callable[..., Teacher]


class Counting(nn.Module):
    """A network that counts its forward passes and the images in them."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.images = 0
        self.calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        self.images += len(images)
        logits: Tensor = self.inner(images)
        return logits


def teaching(teacher: Teacher, data: DataSplits, *needs: str, views: str = "augmented") -> Teaching:
    return Teaching(
        teacher, data, needs=frozenset(needs), views=views, accelerator=make_accelerator("no")
    )


def test_it_gives_what_the_teacher_gives_without_gradients(
    digits: DataSplits, make_teacher: MakeTeacher
) -> None:
    teacher = make_teacher()
    images, _ = digits.train.batch(range(8))
    with teaching(teacher, digits, "logits", "features", "pooled") as given:
        outputs = given.outputs(images, torch.arange(8))
    torch.testing.assert_close(outputs.logits, teacher.model(images))
    torch.testing.assert_close(outputs.features[-1], teacher.model.get_submodule("body")(images))
    assert outputs.pooled is not None
    assert outputs.pooled.shape == (8, 48)
    assert not outputs.logits.requires_grad


def test_a_teacher_in_train_mode_runs_in_eval_mode_and_comes_back(
    digits: DataSplits, make_teacher: MakeTeacher
) -> None:
    teacher = make_teacher()
    images, _ = digits.train.batch(range(8))
    expected = teacher.model(images)
    teacher.model.train()
    with teaching(teacher, digits, "logits") as given:
        torch.testing.assert_close(given.outputs(images, torch.arange(8)).logits, expected)
    assert teacher.model.training


def test_its_own_normalisation_is_kept_to(digits: DataSplits, make_teacher: MakeTeacher) -> None:
    own = digits.normalised((0.5,), (0.25,))
    teacher = make_teacher(mean=own.mean, std=own.std)
    expected = teacher.model(own.train.batch(range(8))[0])
    with teaching(teacher, digits, "logits") as given:
        found = given.outputs(digits.train.batch(range(8))[0], torch.arange(8)).logits
    torch.testing.assert_close(found, expected)


def test_clean_logits_are_computed_once_and_found_by_index(
    digits: DataSplits, make_teacher: MakeTeacher
) -> None:
    teacher = make_teacher()
    indices = torch.tensor([150, 3, 77])
    expected = teacher.model(digits.train.batch(indices)[0])
    counting = Counting(teacher.model)
    with teaching(replace(teacher, model=counting), digits, "logits", views="clean") as given:
        for _ in range(3):
            view = torch.zeros(3, 1, 8, 8)
            torch.testing.assert_close(given.outputs(view, indices).logits, expected)
    assert counting.images == len(digits.train)


def test_clean_views_hold_nothing_but_logits(digits: DataSplits, make_teacher: MakeTeacher) -> None:
    with pytest.raises(UsageError, match="teacher_views"):
        teaching(make_teacher(), digits, "features", "logits", views="clean")


@pytest.mark.parametrize(("views", "calls"), [("augmented", 10), ("clean", 1)])
def test_one_forward_a_batch_serves_all_distillers(
    digits: DataSplits, student: TinyNet, make_teacher: MakeTeacher, views: str, calls: int
) -> None:
    """Two epochs of five batches, or the whole training set once."""
    counting = Counting(make_teacher().model)
    teacher = make_teacher(model=counting, features=["inner.body"], head="inner.classifier")
    several = {"kd": 0.5, "diswot_mr": 1.0, "diswot_ms": 0.1}
    train_student(
        student,
        digits,
        teacher=teacher,
        distillers=several if views == "augmented" else {"kd": 0.5},
        settings=TrainingSettings(epochs=2, batch_size=32, teacher_views=views),
        seed=0,
        features=["body"],
        head="classifier",
    )
    assert counting.calls == calls


def test_teacher_and_student_see_the_same_view(
    digits: DataSplits, student: TinyNet, make_teacher: MakeTeacher
) -> None:
    views: dict[str, list[Tensor]] = {"student": [], "teacher": []}
    teacher = make_teacher()
    for name, model in (("student", student), ("teacher", teacher.model)):
        model.register_forward_pre_hook(
            lambda module, inputs, seen=views[name]: seen.append(inputs[0].clone())
        )
    train_student(
        student,
        replace(digits, validation=digits.validation.subset([0]), test=None),
        teacher=teacher,
        distillers={"kd": 1.0},
        settings=TrainingSettings(epochs=1, batch_size=80),
        seed=0,
    )
    batches = [view for view in views["student"] if len(view) == 80]
    assert len(batches) == 2
    for mine, theirs in zip(batches, views["teacher"], strict=True):
        assert torch.equal(mine, theirs)
    plain, _ = digits.train.batch(range(160))
    assert not any(torch.equal(image, other) for image in batches[0] for other in plain)
