"""`Distiller`: the contract of a distillation loss."""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from nas_kd.distill.outputs import Outputs
from nas_kd.errors import UsageError
from search_spaces.language_models import TransformerShape

NEEDS = frozenset({"logits", "features", "pooled", "states", "token_logits"})
"""What a distiller can ask for."""


class Distiller(ABC):
    """A pure loss of student outputs, teacher outputs and labels, with named parts.

    A distiller is a frozen dataclass in a file of its own: its fields are its settings, its class
    attributes say what it is, and `parts` computes. Calling it does the rest: what it needs is
    there, the teacher gets no gradient, and everything is computed in float32 (float64 stays),
    outside of any autocast.

    Attributes:
        name: Name in the registry.
        needs: Of ``logits``, ``features``, ``pooled``, ``states`` and ``token_logits`` (those among
            the states), what it reads of both networks.
        source: Paper and equation.
        deviation: Where it differs from them.
        default_weight: A sensible weight beside a cross-entropy, and where it comes from.
        ours: Whether it is a loss of our own.
        fits: Whether it compares hidden states through a map to the teacher's width (`HiddenFit`),
            which has to be trained with the student.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    source: ClassVar[str]
    deviation: ClassVar[str] = ""
    default_weight: ClassVar[float] = 1.0
    ours: ClassVar[bool] = False
    fits: ClassVar[bool] = False

    def __call__(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        """The loss of a batch as named scalars; their sum is the loss.

        Args:
            student: Outputs of the student, with gradients.
            teacher: Outputs of the teacher for the same inputs.
            targets: Labels ``(batch,)``; distillers that need nothing but states ignore them.

        Raises:
            UsageError: Something that it needs is not there, or its `parts` are no scalars by name.
        """
        for role, outputs in (("student", student), ("teacher", teacher)):
            if missing := outputs.lacks(self.needs):
                raise UsageError(
                    f"distillers: {self.name} needs {', '.join(missing)} of the {role}, which "
                    f"were not captured; capture them or leave {self.name} out."
                )
        with torch.autocast(student.logits.device.type, enabled=False):
            parts = self.parts(student.in_float32(), teacher.detached().in_float32(), targets)
        _require_scalars(self.name, parts)
        return parts

    def require_comparable(  # noqa: B027 (those that compare any students need no check)
        self, students: Collection[TransformerShape], teacher: TransformerShape
    ) -> None:
        """Says before a training what `parts` would say at a student that it cannot compare.

        Raises:
            UsageError: One of the students is of no shape that can be compared with the teacher's.
        """

    @abstractmethod
    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        """The loss itself: scalars in float32 by name."""


def _require_scalars(name: str, parts: object) -> None:
    if not isinstance(parts, Mapping):
        found = f"a {type(parts).__name__}"
    elif no_tensors := [part for part, value in parts.items() if not isinstance(value, Tensor)]:
        found = f"no tensor for {', '.join(map(str, no_tensors))}"
    elif wide := [
        f"{part} of shape {tuple(value.shape)}" for part, value in parts.items() if value.ndim
    ]:
        found = ", ".join(wide)
    else:
        return
    raise UsageError(
        f"distillers: the parts of {name} have to be tensors without dimensions by name, such as "
        f"{{'{name}': loss.mean()}}, and are {found}. Mend its method `parts`, or leave it out."
    )


def is_distiller(found: object) -> bool:
    """Whether it is a class of distillers that says what it is and can be made without settings."""
    return (
        isinstance(found, type)
        and issubclass(found, Distiller)
        and not inspect.isabstract(found)
        and all(hasattr(found, said) for said in ("name", "needs", "source"))
        and dataclasses.MISSING not in settings_of(found).values()
    )


def configured(distiller: type[Distiller], **settings: float | str | None) -> Distiller:
    """An instance with those of ``settings`` that it has a field for.

    Settings are shared by all distillers of a training (one temperature, say), so those that a
    distiller does not know are not its concern; that one of them knows it is for the caller to see.
    """
    known = settings_of(distiller)
    return distiller(**{name: value for name, value in settings.items() if name in known})


def settings_of(distiller: type[Distiller]) -> dict[str, Any]:
    """Its settings by name, with their defaults."""
    if not dataclasses.is_dataclass(distiller):
        return {}
    return {field.name: field.default for field in dataclasses.fields(distiller)}
