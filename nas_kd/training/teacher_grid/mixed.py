"""Several sources of teachers together, such as the own past and a trained teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from nas_kd.distill import Outputs
from nas_kd.training.teacher_grid.provider import Batch, Provider, Voice


class Mixed:
    """The voices of all ``providers``; without any there is never a teacher."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self.providers = tuple(providers)

    def voices(self, batch: Batch, student: Outputs) -> list[Voice]:
        return [voice for source in self.providers for voice in source.voices(batch, student)]

    def after_step(self, batch: Batch, student: Outputs, validation_loss: Tensor) -> None:
        for source in self.providers:
            source.after_step(batch, student, validation_loss)

    def state(self) -> dict[str, Any]:
        return {"providers": [source.state() for source in self.providers]}

    def load(self, state: Mapping[str, Any]) -> None:
        for source, kept in zip(self.providers, state["providers"], strict=True):
            source.load(kept)
