"""The part of the teacher's weights that a student of a given shape uses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from search_spaces.language_models import family_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class WeightSlices:
    """Cuts a student's weights out of its teacher's: the leading rows and columns of each.

    Of heads that the student has narrower than the teacher, the leading channels of each head are
    taken. What it gives are views where that is possible, so that gradients reach the teacher's
    weights.

    Args:
        full: The model that holds the weights.
        student: A model of the student's shape; only names and shapes of its weights are looked at.
        kept: For each of its layers the number of the full model's.
    """

    def __init__(
        self, full: PreTrainedModel, student: PreTrainedModel, kept: Sequence[int]
    ) -> None:
        family = family_of(full.config)
        names = family.names
        self._kept = kept
        self._layer = re.compile(rf"((?:^|\.){re.escape(family.layers)}\.)(\d+)(?=\.)")
        self._head_dims = (
            family.shape(full.config).head_dim,
            family.shape(student.config).head_dim,
        )
        self._by_head = {
            **{f".{part}.weight": 0 for part in (names.query, names.key, names.value)},
            **{f".{part}.bias": 0 for part in (names.query, names.key, names.value)},
            f".{names.out}.weight": 1,
        }
        self._shapes = {name: weight.shape for name, weight in student.named_parameters()}
        self._weights = dict(full.named_parameters(remove_duplicate=False))

    def __call__(self) -> dict[str, Tensor]:
        """The weights by the names that the student has for them."""
        return {
            name: self._part(name, self._weight(name)).reshape(shape)
            for name, shape in self._shapes.items()
        }

    def add_gradient(self, name: str, gradient: Tensor) -> None:
        """Adds the gradient of the student's weight ``name`` to that of the teacher's.

        Args:
            name: The student's name of the weight.
            gradient: Of its shape; may be sparse in its rows.
        """
        weight = self._weight(name)
        if weight.grad is None:
            if gradient.shape == weight.shape and not gradient.is_sparse:
                weight.grad = gradient
                return
            weight.grad = torch.zeros_like(weight)
        part = self._part(name, weight.grad)
        if gradient.is_sparse:
            rows = gradient.coalesce()
            part.index_add_(0, rows.indices()[0], rows.values())
        else:
            part.add_(gradient.reshape(part.shape))

    def _weight(self, name: str) -> nn.Parameter:
        weight: nn.Parameter = self._weights[self._layer.sub(self._full_layer, name)]
        return weight

    def _part(self, name: str, whole: Tensor) -> Tensor:
        """A view of the student's part of a weight or its gradient; where heads are narrowed, it
        has an axis of heads and one of their channels in place of both together."""
        shape = list(self._shapes[name])
        wide, narrow = self._head_dims
        axis = next((at for end, at in self._by_head.items() if name.endswith(end)), None)
        if axis is not None and narrow < wide:
            whole = whole.unflatten(axis, (-1, wide))
            shape[axis : axis + 1] = [shape[axis] // narrow, narrow]
        part: Tensor = whole[tuple(slice(size) for size in shape)]
        return part

    def _full_layer(self, found: re.Match[str]) -> str:
        return f"{found[1]}{self._kept[int(found[2])]}"
