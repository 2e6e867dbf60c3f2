"""Distillation losses: one file each, all with the same signature."""

from __future__ import annotations

from nas_kd.distill.autodistil_kl import AutoDistilKL
from nas_kd.distill.autodistil_mse import AutoDistilMSE
from nas_kd.distill.distiller import NEEDS, Distiller, configured, is_distiller, settings_of
from nas_kd.distill.diswot_mr import RelationDistillation
from nas_kd.distill.diswot_ms import SemanticDistillation
from nas_kd.distill.hidden_fit import HiddenFit
from nas_kd.distill.kd import LogitDistillation
from nas_kd.distill.last_hidden import LastHidden
from nas_kd.distill.minilm_v1 import MiniLMv1
from nas_kd.distill.minilm_v2 import MiniLMv2
from nas_kd.distill.outputs import Outputs
from nas_kd.distill.sentence_similarity import SentenceSimilarity
from nas_kd.distill.tinybert import TinyBERT
from nas_kd.distill.word_kd import WordDistillation
from nas_kd.registry import Registry

DISTILLERS: Registry[type[Distiller]] = Registry(
    "distillers",
    wanted="a subclass of nas_kd.distill.Distiller that has name, needs, source and parts, "
    "and whose settings have defaults",
    accepts=is_distiller,
)
for _distiller in (
    LogitDistillation,
    RelationDistillation,
    SemanticDistillation,
    MiniLMv1,
    MiniLMv2,
    AutoDistilMSE,
    AutoDistilKL,
    TinyBERT,
    LastHidden,
    SentenceSimilarity,
    WordDistillation,
):
    DISTILLERS.register(_distiller.name, _distiller)


def create_distiller(name: str, **settings: float | None) -> Distiller:
    """The distiller called ``name`` with those of ``settings`` that it has.

    Raises:
        UsageError: There is none of that name, or a setting is out of range.
    """
    return configured(DISTILLERS.get(name), **settings)


__all__ = [
    "DISTILLERS",
    "NEEDS",
    "AutoDistilKL",
    "AutoDistilMSE",
    "Distiller",
    "HiddenFit",
    "LastHidden",
    "LogitDistillation",
    "MiniLMv1",
    "MiniLMv2",
    "Outputs",
    "RelationDistillation",
    "SemanticDistillation",
    "SentenceSimilarity",
    "TinyBERT",
    "WordDistillation",
    "configured",
    "create_distiller",
    "settings_of",
]
