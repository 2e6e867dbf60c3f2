"""The recipe: everything that decides the result of a search, validated before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from studies.default_proxies import DEFAULT_FUSION, DEFAULT_PROXIES, default_proxies
from studies.fusions import Fusion, with_presets

_WITHOUT_EFFECT = {"search.workers", "distill.read_workers"}
"""Settings on which no result depends."""
EXHAUSTIVE = "exhaustive"
"""The sampler that goes through the whole space by itself."""
_DEFAULT_TRIALS = 300
_DEFAULT_EPOCHS = 30
_SHORT = 10
"""The final distillation is so many times as long as the short one of each finalist."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TeacherSection(_Section):
    """``[teacher]``: where the trained teacher comes from."""

    source: str = "digits-cnn"
    checkpoint: Path | None = None


class DataSection(_Section):
    """``[data]``: where the images come from."""

    source: str = "digits"
    image_size: int | None = Field(default=None, ge=1)
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    download: bool = False


class SpaceSection(_Section):
    """``[space]``: the students to choose from."""

    name: str = "nasbench201"
    options: dict[str, int] = {}


class BudgetSection(_Section):
    """``[budget]``: what the student may cost, absolute or as a share of the teacher."""

    limits: tuple[str, ...] = ()
    device: Literal["cpu", "cuda", "tensorrt"] = "cpu"
    threads: int = Field(default=1, ge=1)
    batch: int = Field(default=1, ge=1)


class PredictorSection(_Section):
    """``[predictor]``: students measured before the search, to predict the latency of all.

    Used where the budget limits latency or ``latency_ms`` is an objective.
    """

    students: int = Field(default=40, ge=0)
    """Measured to fit; 0 switches the predictor off."""
    held_out: int = Field(default=10, ge=1)
    """Others measured to find its error."""
    seconds: float = Field(default=0.6, gt=0)
    """Of measuring, for each."""

    @field_validator("students")
    @classmethod
    def _none_or_enough(cls, students: int) -> int:
        if 0 < students < 8:
            raise ValueError("0 (off) or at least 8")
        return students


class SearchSection(_Section):
    """``[search]``: how candidates are proposed and scored."""

    sampler: str = "nsga2"
    trials: int | None = Field(default=None, ge=1)
    """Candidates to look at; without it 300, or with ``exhaustive`` the whole space (None)."""
    batch_size: int = Field(default=50, ge=2)
    """Candidates proposed, scored and written together."""
    proxies: tuple[str, ...] = Field(default=DEFAULT_PROXIES, min_length=1)
    """Names of proxies, or of presets (`studies.fusions`), which stand for several and a fusion.
    The default depends on the space (`default_proxies`)."""
    fusion: Fusion = DEFAULT_FUSION
    """How the proxies become one score: on the fixed scale of a reference sample, or by their ranks
    (sum of logarithms, mean) among all candidates so far."""
    objectives: tuple[str, ...] = Field(default=("score", "macs"), min_length=1)
    """``score`` (all proxies fused) or a proxy, maximised; ``macs``, ``params`` or the predicted
    ``latency_ms``, minimised."""
    images: int = Field(default=64, ge=2)
    """Training images in the batch on which the proxies look."""
    start: tuple[str, ...] = ()
    """Architectures that are looked at first, as JSON or in the space's notation."""
    workers: int = Field(default=1, ge=1, le=1024)
    """Candidates evaluated at a time on one machine; the result does not depend on it."""

    @model_validator(mode="before")
    @classmethod
    def _with_presets(cls, settings: Any) -> Any:
        return with_presets(settings) if isinstance(settings, Mapping) else settings

    @model_validator(mode="before")
    @classmethod
    def _with_trials(cls, settings: Any) -> Any:
        if not isinstance(settings, Mapping) or settings.get("sampler") == EXHAUSTIVE:
            return settings
        given = settings.get("trials") is not None
        return settings if given else {**settings, "trials": _DEFAULT_TRIALS}

    @field_validator("proxies", "objectives")
    @classmethod
    def _no_duplicates(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) != len(names):
            raise ValueError("a name stands in it twice")
        return names


class FinalistsSection(_Section):
    """``[finalists]``: the best-scored students, measured and shortly distilled to pick one."""

    count: int = Field(default=3, ge=1)
    epochs: int | None = Field(default=None, ge=1)
    """Of the short distillation; without these and ``minutes``, a tenth of the final one."""
    minutes: float | None = Field(default=None, gt=0)
    latency_margin: float = Field(default=0.05, ge=0, lt=1)
    """How far below the latency limit a finalist has to be measured, as a share of the limit: two
    processes on the same machine differ by some percent."""
    measured_at_most: int = Field(default=30, ge=1)
    """Students that may be measured to find ``count`` that meet the latency budget."""

    @model_validator(mode="after")
    def _measures_enough(self) -> FinalistsSection:
        if self.count > self.measured_at_most:
            raise ValueError(
                f"count is {self.count}, and no more than measured_at_most = "
                f"{self.measured_at_most} are measured: raise that, or lower count"
            )
        return self


class DistillSection(_Section):
    """``[distill]``: how the winner is trained. Give ``epochs`` (else 30) or ``minutes``."""

    epochs: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    batch_size: int = Field(default=128, ge=2)
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = Field(default=0.1, gt=0)
    weight_decay: float = Field(default=5e-4, ge=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    temperature: float = Field(default=4.0, gt=0)
    ce_weight: float = Field(default=0.1, ge=0)
    auxiliary_weight: float = Field(default=0.4, ge=0)
    """Of the loss of an auxiliary head, where the student has one."""
    distillers: dict[str, float] = {"kd": 0.9}
    """Names to weights; settings of one follow its name (``"kd?temperature=2"``)."""
    teacher_views: Literal["augmented", "clean"] = "augmented"
    init: Literal["auto", "teacher", "random"] = "auto"
    gradient_clip: float = Field(default=5.0, ge=0)
    """Largest norm of the gradient; 0 does not clip."""
    ema_decay: float | None = Field(default=None, ge=0, lt=1)
    precision: Literal["no", "fp16", "bf16"] = "no"
    read_workers: int = Field(default=0, ge=0)
    """Processes that read images ahead, for data that is not held in memory; the result does not
    depend on it."""
    compare_without_teacher: bool = True
    """Also train the winner on the labels alone, to show what the teacher adds."""

    @model_validator(mode="before")
    @classmethod
    def _with_length(cls, settings: Any) -> Any:
        if not isinstance(settings, Mapping):
            return settings
        given = settings.get("epochs") is not None or settings.get("minutes") is not None
        return settings if given else {**settings, "epochs": _DEFAULT_EPOCHS}


class Recipe(_Section):
    """One search, from teacher to ONNX file.

    What is not given has the same default in Python, in a TOML file and beside flags. The
    embedded job on digits is a recipe of its own, ``digits``.
    """

    seed: int = Field(default=0, ge=0, lt=2**32)
    teacher: TeacherSection = TeacherSection()
    data: DataSection = DataSection()
    space: SpaceSection = SpaceSection()
    budget: BudgetSection = BudgetSection()
    predictor: PredictorSection = PredictorSection()
    search: SearchSection = SearchSection()
    finalists: FinalistsSection = FinalistsSection()
    distill: DistillSection = DistillSection()

    @model_validator(mode="before")
    @classmethod
    def _with_proxies(cls, settings: Any) -> Any:
        if not isinstance(settings, Mapping):
            return settings
        space, search = settings.get("space", {}), settings.get("search", {})
        if not isinstance(search, Mapping) or search.get("proxies") is not None:
            return settings
        name = space.get("name") if isinstance(space, Mapping) else getattr(space, "name", None)
        proxies = default_proxies(name) if isinstance(name, str) else DEFAULT_PROXIES
        return {**settings, "search": {**search, "proxies": proxies}}

    @property
    def short_distillation(self) -> tuple[int | None, float | None]:
        """Epochs or minutes for which each finalist is distilled to pick one; the other is None."""
        finalists, final = self.finalists, self.distill
        if finalists.epochs is not None or finalists.minutes is not None:
            return finalists.epochs, finalists.minutes
        if final.minutes is not None:
            return None, final.minutes / _SHORT
        return max(1, (final.epochs or _DEFAULT_EPOCHS) // _SHORT), None

    def to_json(self) -> str:
        """All settings, those left at their defaults among them."""
        return self.model_dump_json(indent=2)

    def changes(self, other: Recipe) -> list[str]:
        """Dotted names of the settings in which the two differ and on which results depend."""
        mine, theirs = (
            _flatten(self.model_dump(mode="json")),
            _flatten(other.model_dump(mode="json")),
        )
        names = (mine.keys() | theirs.keys()) - _WITHOUT_EFFECT
        return sorted(name for name in names if mine.get(name) != theirs.get(name))


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
