"""Distillation losses: one file each, all with the same signature."""

from __future__ import annotations

from nas_kd.distill.distiller import NEEDS, Distiller, configured
from nas_kd.distill.diswot_mr import RelationDistillation
from nas_kd.distill.diswot_ms import SemanticDistillation
from nas_kd.distill.kd import LogitDistillation
from nas_kd.distill.outputs import Outputs
from nas_kd.registry import Registry

DISTILLERS: Registry[type[Distiller]] = Registry("distillers")
for _distiller in (LogitDistillation, RelationDistillation, SemanticDistillation):
    DISTILLERS.register(_distiller.name, _distiller)


def create_distiller(name: str, **settings: float) -> Distiller:
    """The distiller called ``name`` with those of ``settings`` that it has.

    Raises:
        UsageError: There is none of that name, or a setting is out of range.
    """
    return configured(DISTILLERS.get(name), **settings)


__all__ = [
    "DISTILLERS",
    "NEEDS",
    "Distiller",
    "LogitDistillation",
    "Outputs",
    "RelationDistillation",
    "SemanticDistillation",
    "configured",
    "create_distiller",
]
