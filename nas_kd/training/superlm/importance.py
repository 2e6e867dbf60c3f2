"""Teachers whose important heads and channels come first, so that smaller students get them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import broadcast
from torch import Tensor

from nas_kd.data.text import TokenSequences
from nas_kd.errors import UsageError
from search_spaces.supernets import (
    Importance,
    activation_importance,
    gradient_importance,
    sort_by_importance,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_SEQUENCES = 256
_BATCH = 2

Batch = dict[str, Tensor]


def put_important_first(
    teacher: PreTrainedModel, rule: str, sequences: TokenSequences, seed: int
) -> Importance | None:
    """Sorts heads and channels of the MLPs in every layer of a teacher, which computes the same.

    Whoever compares students with the teacher head by head needs the sorted one.

    Args:
        teacher: Changed in place.
        rule: One of `IMPORTANCE_RULES`.
        sequences: Text; the first 256 of its sequences are looked at.
        seed: Of the directions in which ``gradient`` looks.

    Returns:
        What it was sorted by; None where the rule leaves the teacher as it is.

    Raises:
        UsageError: The rule is unknown.
    """
    if rule not in IMPORTANCE_RULES:
        raise UsageError(
            f"superlm: importance is {rule!r}; choose one of {', '.join(IMPORTANCE_RULES)}."
        )
    find = IMPORTANCE_RULES[rule]
    if find is None:
        return None
    found = find(teacher, _batches(sequences, teacher.device), seed)
    # Processes that differ in a last digit could sort differently.
    importance = Importance(broadcast(found.heads), broadcast(found.mlp))
    sort_by_importance(teacher, importance)
    return importance


def sort_as_before(teacher: PreTrainedModel, now: Importance, before: Importance) -> None:
    """Sorts by ``before`` a teacher that is sorted by ``now``, as after a move to a machine where
    its importance came out in another order."""
    sort_by_importance(
        teacher,
        Importance(
            _carried_over(before.heads, now.heads),
            _carried_over(before.mlp, now.mlp),
        ),
    )


def _carried_over(before: Tensor, now: Tensor) -> Tensor:
    """The values ``before`` in the order of a model that was sorted by ``now``."""
    order = now.argsort(descending=True, stable=True)
    return before.to(order.device).gather(1, order)


def _by_activation(teacher: PreTrainedModel, batches: Iterator[Batch], seed: int) -> Importance:
    return activation_importance(teacher.base_model, batches)


def _by_gradient(teacher: PreTrainedModel, batches: Iterator[Batch], seed: int) -> Importance:
    """How far the last states move when a part is left out.

    No label is needed: with random signs as the gradient of the last states, the square of a
    part's derivative is on average its entry in the diagonal of the Gauss-Newton matrix of their
    squared distance to the teacher's.
    """
    draws = torch.Generator().manual_seed(seed)

    def in_random_direction(output: Any, batch: Mapping[str, Tensor]) -> Tensor:
        states = output.last_hidden_state * batch["attention_mask"].unsqueeze(-1)
        signs = torch.randint(2, states.shape, generator=draws) * 2.0 - 1.0
        total: Tensor = (states * signs.to(states)).sum()
        return total

    return gradient_importance(teacher.base_model, batches, in_random_direction)


def _batches(sequences: TokenSequences, device: torch.device) -> Iterator[Batch]:
    for places in torch.arange(min(_SEQUENCES, len(sequences))).split(_BATCH):
        yield {name: part.to(device) for name, part in sequences.batch(places).items()}


_Finder = Callable[["PreTrainedModel", Iterator[Batch], int], Importance]
IMPORTANCE_RULES: dict[str, _Finder | None] = {
    "none": None,
    "activation": _by_activation,
    "gradient": _by_gradient,
}
"""How it is decided what smaller students get: the teacher's leading parts as they are
(AutoDistil), those with the largest activations, or those that the last states depend on."""
