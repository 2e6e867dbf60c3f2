"""What a language model computes: its output, and the states of its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from search_spaces.language_models import family_of
from search_spaces.token_states import TokenStates

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.utils import ModelOutput


@dataclass(frozen=True)
class Observation:
    """What one language model gave for a batch.

    Attributes:
        output: Transformers' own output: ``logits`` of a model with a head, else
            ``last_hidden_state``, and ``hidden_states``.
        states: Hidden states, queries, keys and values of every layer.
    """

    output: ModelOutput
    states: TokenStates


def observe(
    model: PreTrainedModel,
    inputs: Mapping[str, Tensor],
    weights: Mapping[str, Tensor] | None = None,
) -> Observation:
    """Calls a model, a teacher as well as a student, and keeps what its layers computed.

    Args:
        model: Of a family that `family_of` knows, with any head or none.
        inputs: ``input_ids`` and, where there is padding, ``attention_mask``, each
            ``(batch, token)``; other keyword arguments of the model are passed on.
        weights: Parameters by name to use instead of the model's own.
    """
    family = family_of(model.config)
    shape = family.shape(model.config)
    base: Any = model.base_model
    layers: Any = base.get_submodule(family.layers)
    names = (family.names.query, family.names.key, family.names.value)
    watched = {name: [layer.get_submodule(name) for layer in layers] for name in names}
    if family.rotation is not None:
        watched[family.rotation] = [base.get_submodule(family.rotation)]
    with _outputs(watched) as seen:
        output = functional_call(
            model, dict(weights or {}), (), {**inputs, "output_hidden_states": True}
        )
    queries, keys, values = (
        tuple(part.unflatten(-1, (-1, shape.head_dim)).transpose(1, 2) for part in seen[name])
        for name in names
    )  # each (batch, head, token, head_dim)
    mask = inputs.get("attention_mask")
    if mask is None:
        mask = torch.ones_like(inputs["input_ids"])
    rotation = None
    if family.rotation is not None:
        cosines, sines = (part.expand(len(mask), -1, -1) for part in seen[family.rotation][0])
        rotation = cosines, sines
    states = TokenStates(
        tuple(output.hidden_states), queries, keys, values, mask.bool(), family.causal, rotation
    )
    return Observation(output, states)


def states_of(
    model: PreTrainedModel,
    inputs: Mapping[str, Tensor],
    weights: Mapping[str, Tensor] | None = None,
    *,
    logits: bool = False,
) -> TokenStates:
    """The states alone: a head, which may cost more than all layers, is not computed.

    Arguments as in `observe`; with ``logits`` those of every token are computed and kept with the
    states, by a model that has a head for them.
    """
    if logits:
        seen = observe(model, inputs, weights)
        return replace(seen.states, logits=seen.output.logits)
    base: Any = model.base_model
    prefix = "" if base is model else f"{model.base_model_prefix}."
    of_base = {
        name.removeprefix(prefix): weight
        for name, weight in (weights or {}).items()
        if name.startswith(prefix)
    }
    return observe(base, inputs, of_base).states


@contextmanager
def _outputs(watched: Mapping[str, Sequence[nn.Module]]) -> Iterator[dict[str, list[Any]]]:
    """Within it, the outputs of the parts of each name are kept in the order of calls."""
    seen: dict[str, list[Any]] = {name: [] for name in watched}

    def keeper(kept: list[Any]) -> Any:
        def keep(_part: nn.Module, _inputs: Any, output: Any) -> None:
            kept.append(output)

        return keep

    handles = [
        part.register_forward_hook(keeper(seen[name]))
        for name, parts in watched.items()
        for part in parts
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
