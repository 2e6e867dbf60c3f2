"""What the distillation of a search would fail at is found before the search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from torch import Tensor

from nas_kd.costs import Budget, DeviceProfile, Limits
from nas_kd.data import load_data
from nas_kd.distill import DISTILLERS, Distiller, Outputs
from nas_kd.errors import UsageError
from nas_kd.teachers import load_teacher
from search_spaces import Task, create_space
from studies.distiller_check import check_distillers
from studies.recipe_files import parse_recipe
from studies.setting import Setting

TEACHER = "tests.cli.own_code:make_teacher"


@dataclass(frozen=True)
class PerImage(Distiller):
    """Forgets the mean over the batch."""

    name: ClassVar[str] = "per_image"
    needs: ClassVar[frozenset[str]] = frozenset({"logits"})
    source: ClassVar[str] = "this test"

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        return {"per_image": (student.logits - teacher.logits).square().mean(1)}


@dataclass(frozen=True)
class Bare(PerImage):
    """Gives no dictionary."""

    name: ClassVar[str] = "bare"

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> Any:
        return (student.logits - teacher.logits).square().mean()


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    data = load_data("digits")
    return Setting(
        data=data,
        teacher=load_teacher(TEACHER, data=data),
        teacher_facts={},
        teacher_onnx=tmp_path / "teacher.onnx",
        space=create_space("nasbench201", channels=4, cells_per_stage=1),
        task=Task(in_channels=1, image_size=8, num_classes=10),
        budget=Budget.parse([]),
        limits=Limits({}),
        profile=DeviceProfile(),
    )


def _check(setting: Setting, distillers: dict[str, float]) -> None:
    check_distillers(parse_recipe({"distill": {"distillers": distillers}}), setting)


def test_what_fits_passes(setting: Setting) -> None:
    _check(setting, {"kd": 0.9, "diswot_mr": 0.1})
    _check(setting, {})


@pytest.mark.parametrize(
    ("distiller", "message"),
    [
        (PerImage, r"per_image have to be .* and are per_image of shape \(8,\)"),
        (Bare, "bare have to be .* and are a Tensor"),
    ],
)
def test_parts_that_are_no_scalars_by_name(
    distiller: type[Distiller], message: str, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DISTILLERS._components, distiller.name, distiller)
    with pytest.raises(UsageError, match=message):
        _check(setting, {distiller.name: 1.0})


def test_students_that_give_no_logits(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    space = setting.space
    build = space.build
    monkeypatch.setattr(
        type(space), "build", lambda self, arch, task: build(arch, replace(task, num_classes=11))
    )
    with pytest.raises(UsageError, match=r"give \(8, 11\).* shape \(8, 10\)"):
        _check(setting, {"kd": 1.0})


def test_what_the_teacher_has_not(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PerImage, "needs", frozenset({"features"}))
    monkeypatch.setitem(DISTILLERS._components, "per_image", PerImage)
    teacher = replace(setting.teacher, features=[])
    with pytest.raises(UsageError, match="needs features of the teacher"):
        _check(replace(setting, teacher=teacher), {"per_image": 1.0})
