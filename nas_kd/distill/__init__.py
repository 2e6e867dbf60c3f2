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
from nas_kd.errors import UsageError
from nas_kd.registry import Registry
from nas_kd.source_spec import OptionValue, SourceSpec

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

    Args:
        name: Its name; settings of its own follow as ``?setting=value&setting=value``.
        **settings: Those that all distillers of a training share; its own come first.

    Raises:
        UsageError: There is none of that name, it has no such setting of its own, or a setting is
            of another kind or out of range.
    """
    spec = SourceSpec.parse(name)
    distiller = DISTILLERS.get(f"{spec.kind}:{spec.target}" if spec.target else spec.kind)
    defaults = settings_of(distiller)
    spec.require_options(defaults)
    for setting, value in spec.options.items():
        _require_kind(name, setting, value, usually=defaults[setting])
    return configured(distiller, **{**settings, **spec.options})


def _require_kind(name: str, setting: str, value: OptionValue, *, usually: object) -> None:
    """Raises `UsageError` where a setting is not of the kind of its default; None is a number's."""
    numbers = type(value) in (int, float) and (usually is None or type(usually) is float)
    if not numbers and type(value) is not type(usually):
        wanted = "a number" if usually is None else f"a value such as {usually!r}"
        raise UsageError(f"distillers: {name} has {setting} {value!r}; give {wanted}.")


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
