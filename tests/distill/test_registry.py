"""Distillers by name, with their settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from torch import Tensor

from nas_kd.distill import (
    DISTILLERS,
    Distiller,
    LogitDistillation,
    MiniLMv2,
    Outputs,
    configured,
    create_distiller,
)
from nas_kd.errors import UsageError


def test_the_built_in_distillers_are_there() -> None:
    assert {"kd", "diswot_mr", "diswot_ms"} <= set(DISTILLERS.names())


def test_shared_settings_reach_those_that_have_them() -> None:
    assert create_distiller("kd", temperature=2.0) == LogitDistillation(temperature=2.0)
    create_distiller("diswot_mr", temperature=2.0)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'diswot_ms'"):
        create_distiller("diswot_m")


def test_a_setting_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match="temperature 0"):
        create_distiller("kd", temperature=0.0)


def test_settings_of_its_own_follow_its_name() -> None:
    assert create_distiller("kd?temperature=2", temperature=3.0) == LogitDistillation(2)
    own = create_distiller("minilm_v2?relation_heads=4&interleaved=true")
    assert own == MiniLMv2(relation_heads=4, interleaved=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kd?temperatur=2", "Did you mean 'temperature'"),
        ("kd?temperature=warm", "temperature 'warm'; give a value such as 4.0"),
        ("kd?temperature=true", "temperature True"),
        ("kd?temperature=0", "temperature 0"),
        ("minilm_v2?relation_heads=all", "relation_heads 'all'; give a number"),
        ("minilm_v2?interleaved=2", "interleaved 2; give a value such as False"),
        ("diswot_mr?temperature=2", "options of diswot_mr"),
        ("kd?temperature", r"there is no 'kd\?temperature'"),
        ("kd:temperature=2", "there is no 'kd:temperature=2'"),
    ],
)
def test_own_settings_that_cannot_be_are_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        create_distiller(name)


def test_a_distiller_without_settings_needs_no_dataclass() -> None:
    class LogitGap(Distiller):
        name: ClassVar[str] = "gap"
        needs: ClassVar[frozenset[str]] = frozenset({"logits"})
        source: ClassVar[str] = "this test"

        def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
            return {self.name: (student.logits - teacher.logits).square().mean()}

    assert configured(LogitGap, temperature=3.0).name == "gap"


def test_a_new_distiller_is_one_class_with_its_settings() -> None:
    @dataclass(frozen=True)
    class Scaled(Distiller):
        factor: float = 1.0

        name: ClassVar[str] = "scaled"
        needs: ClassVar[frozenset[str]] = frozenset({"logits"})
        source: ClassVar[str] = "this test"

        def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
            return {self.name: self.factor * (student.logits - teacher.logits).abs().mean()}

    assert configured(Scaled, factor=2.0, temperature=3.0) == Scaled(2.0)
