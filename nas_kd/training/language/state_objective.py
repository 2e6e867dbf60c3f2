"""What a student that imitates its teacher's states minimises."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from torch import Tensor

from nas_kd.distill import Distiller, HiddenFit, Outputs, create_distiller, settings_of
from nas_kd.errors import UsageError
from search_spaces import TokenStates
from search_spaces.language_models import Head, head_of
from search_spaces.supernets import states_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


_TOKEN_LOGITS = "token_logits"


def state_distillers(names: str, head: Head = "none", **settings: float | None) -> list[Distiller]:
    """Distillers that compare the states of layers, and what a head says of every token.

    Args:
        names: The distillers, separated by commas.
        head: That of the networks that are compared.
        **settings: Such as ``relation_heads``; each distiller takes those that it has.

    Raises:
        UsageError: A distiller is unknown or needs more than that, or a setting is given that none
            of them has.
    """
    chosen = [create_distiller(name.strip(), **settings) for name in names.split(",")]
    for distiller in chosen:
        if _TOKEN_LOGITS in distiller.needs and head == "none":
            raise UsageError(
                f"training: the distiller {distiller.name} compares what a head says of every "
                "token, and here there is none. Give a teacher with one, such as a "
                "...ForCausalLM, or take a distiller of states, such as minilm_v2."
            )
        if further := sorted(distiller.needs - {"states", _TOKEN_LOGITS}):
            raise UsageError(
                f"training: the distiller {distiller.name} needs {', '.join(further)}, and of a "
                "language model nothing but its layers' states is compared. Take, for example, "
                "autodistil_mse, minilm_v2 or last_hidden."
            )
    known = {setting for distiller in chosen for setting in settings_of(type(distiller))}
    given = [name for name, value in settings.items() if value is not None and value is not False]
    if idle := [name for name in given if name not in known]:
        raise UsageError(
            f"training: {', '.join(idle)} changes nothing with the distillers {names}. Leave it "
            "out, or take a distiller that has such a setting, such as minilm_v2."
        )
    return chosen


class StateObjective:
    """The sum of distillers of token states, and the teacher that they compare with.

    Args:
        names: The distillers, separated by commas.
        teacher: A language model, in eval mode.
        accelerator: Its device and precision.
        **settings: Of the distillers, see `state_distillers`.

    Raises:
        UsageError: As in `state_distillers`.
    """

    def __init__(
        self,
        names: str,
        teacher: PreTrainedModel,
        accelerator: Accelerator,
        **settings: float | None,
    ) -> None:
        self._distillers = state_distillers(names, head_of(teacher), **settings)
        self._teacher = teacher.to(accelerator.device)
        self._accelerator = accelerator

    @property
    def reads_logits(self) -> bool:
        """Whether the logits of every token are compared, too."""
        return any(_TOKEN_LOGITS in distiller.needs for distiller in self._distillers)

    def make_fit(self, student_width: int) -> HiddenFit | None:
        """A map of hidden states up to that width to the teacher's; None where none is needed."""
        if not any(distiller.fits for distiller in self._distillers):
            return None
        fit = HiddenFit(student_width, self._teacher.config.hidden_size)
        return fit.to(self._accelerator.device)

    def on_device(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch where the teacher is."""
        return {name: part.to(self._accelerator.device) for name, part in batch.items()}

    def autocast(self) -> AbstractContextManager[None]:
        """The precision in which networks are to run; losses are computed in float32 anyway."""
        context: AbstractContextManager[None] = self._accelerator.autocast()
        return context

    @torch.no_grad()
    def taught(self, batch: dict[str, Tensor]) -> Outputs:
        """The teacher's outputs for a batch ``(batch, token)``."""
        with self.autocast():
            return Outputs.of_states(self.states_of(self._teacher, batch))

    def states_of(self, network: PreTrainedModel, batch: dict[str, Tensor]) -> TokenStates:
        """What is compared of a network that is no student of a SuperLM."""
        return states_of(network, batch, logits=self.reads_logits)

    def __call__(self, states: TokenStates, taught: Outputs, fit: HiddenFit | None) -> Tensor:
        """The loss of a student with these states, a scalar: a mean over the batch."""
        student = Outputs.of_states(states, fit)
        no_labels = torch.zeros(len(states.mask), dtype=torch.int64)
        losses = [
            value
            for distiller in self._distillers
            for value in distiller(student, taught, no_labels).values()
        ]
        return torch.stack(losses).sum()
