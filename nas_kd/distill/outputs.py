"""`Outputs`: what one network gave for one batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nas_kd.distill.hidden_fit import HiddenFit
from nas_kd.errors import UsageError
from search_spaces.token_states import TokenStates


@dataclass(frozen=True)
class Outputs:
    """What one network gave for a batch. Only what the distillers in use need is filled in.

    Attributes:
        logits: ``(batch, class)``; of an encoder without a classifier, ``(batch, 0)``.
        features: Feature maps, shallow to deep, each ``(batch, channel, height, width)`` or, of
            token models, ``(batch, token, channel)``; the last one is the map before pooling.
        pooled: Input of the classifier, ``(batch, channel)``.
        states: States of every layer of a Transformer.
        fit: Of a student, the learned map of its hidden states to the teacher's width.
    """

    logits: Tensor
    features: tuple[Tensor, ...] = ()
    pooled: Tensor | None = None
    states: TokenStates | None = None
    fit: HiddenFit | None = None

    @classmethod
    def of_states(cls, states: TokenStates, fit: HiddenFit | None = None) -> Outputs:
        """Those of an encoder without a classifier."""
        hidden = states.hidden[-1]  # batch, token, width
        return cls(hidden.new_zeros(len(hidden), 0), states=states, fit=fit)

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Outputs:
        """The same record with ``change`` applied to every tensor but a mask."""
        return replace(
            self,
            logits=change(self.logits),
            features=tuple(map(change, self.features)),
            pooled=None if self.pooled is None else change(self.pooled),
            states=None if self.states is None else self.states.mapped(change),
        )

    def detached(self) -> Outputs:
        """The same values, cut off from the graph that made them."""
        return self.mapped(Tensor.detach)

    def in_float32(self) -> Outputs:
        """The same values in float32; float64 stays as it is."""
        return self.mapped(_in_float32)

    def classifier_input(self) -> Tensor:
        """`pooled`; an error where it was not captured."""
        if self.pooled is None:
            raise UsageError("distillers: the classifier's input was not captured; capture it.")
        return self.pooled

    def token_states(self) -> TokenStates:
        """`states`; an error where they were not captured."""
        if self.states is None:
            raise UsageError("distillers: the layers' states were not captured; capture them.")
        return self.states

    def fitted_hidden(self, layer: int, width: int) -> Tensor:
        """Hidden state ``layer`` (0: the embeddings' output), ``(batch, token, width)``.

        Raises:
            UsageError: It has another width and there is no fit.
        """
        hidden = self.token_states().hidden[layer]
        if self.fit is not None:
            fitted: Tensor = self.fit(hidden)
            return fitted
        if hidden.shape[-1] != width:
            raise UsageError(
                f"distillers: the student's hidden states are {hidden.shape[-1]} wide and the "
                f"teacher's {width}, and there is no map between them; train a HiddenFit with "
                "the student."
            )
        return hidden

    def lacks(self, needs: frozenset[str]) -> list[str]:
        """Those of ``needs`` that are not filled in."""
        there = {
            "logits": self.logits.shape[-1] > 0,
            "features": bool(self.features),
            "pooled": self.pooled is not None,
            "states": self.states is not None,
            "token_logits": self.states is not None and self.states.logits is not None,
        }
        return sorted(need for need in needs if not there.get(need, False))


def _in_float32(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()
