"""The losses of one step of a SuperLM's training."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from nas_kd.distill import HiddenFit
from nas_kd.training.language.loop import Moment
from nas_kd.training.language.state_objective import StateObjective
from nas_kd.training.superlm.strategies import Chooser
from search_spaces.supernets import SuperLM


class StudentLosses:
    """The loss of every student of a step; the teacher runs once for all of them."""

    def __init__(
        self,
        superlm: SuperLM,
        fit: HiddenFit | None,
        objective: StateObjective,
        chooser: Chooser,
    ) -> None:
        self._superlm = superlm
        self._fit = fit
        self._objective = objective
        self._chooser = chooser

    def __call__(
        self, batch: dict[str, Tensor], places: Tensor, moment: Moment
    ) -> Iterator[tuple[str, Tensor]]:
        """Role and loss of each student, one after the other."""
        taught = self._objective.taught(batch)
        for role, arch in self._chooser(moment):
            student = self._superlm.borrow(arch)
            with self._objective.autocast():
                states = student.states(batch, logits=self._objective.reads_logits)
            yield role, self._objective(states, taught, self._fit)
            student.give_back()
