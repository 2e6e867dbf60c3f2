"""Which heads and which channels of the MLPs matter, and a teacher in which these come first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from search_spaces.language_models import family_of
from search_spaces.supernets._taps import Tap, tapped

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Batch = Mapping[str, Tensor]


@dataclass(frozen=True)
class Importance:
    """Larger is more important.

    Attributes:
        heads: Of the heads of keys and values, ``(layer, head)``; those of the queries that share
            one go with it.
        mlp: Of the channels inside the MLP, ``(layer, channel)``.
    """

    heads: Tensor
    mlp: Tensor


@torch.no_grad()
def activation_importance(model: PreTrainedModel, batches: Iterable[Batch]) -> Importance:
    """How large activations are (Minitron, Muralidharan et al., arXiv 2407.14679).

    A channel counts the L2 norm over the sequences of its mean absolute value over their tokens; a
    head the L2 norm of its channels. Deviation: padding is left out.

    Args:
        model: Left as it was.
        batches: Keyword arguments of the model, ``input_ids`` among them.
    """
    squares = []
    with tapped(model) as taps:
        for batch in batches:
            model(**batch)
            mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
            share = (mask / mask.sum(1, keepdim=True)).unsqueeze(-1)  # batch, token, 1
            squares.append(
                [
                    torch.stack([(part.abs() * share).sum(1).square().sum(0) for part in parts])
                    for parts in ([tap.heads for tap in taps], [tap.mlp for tap in taps])
                ]  # (layer, channel) each
            )
    heads, mlp = _summed(squares)
    return Importance(_by_head(model, heads).sqrt(), mlp.sqrt())


def gradient_importance(
    model: PreTrainedModel, batches: Iterable[Batch], loss: Callable[[Any, Batch], Tensor]
) -> Importance:
    """How much the loss would change without them (DynaBERT, Hou et al., NeurIPS 2020).

    A head counts the derivative by a factor on its output; a channel of the MLP those by factors
    on it and on what makes it, which equal DynaBERT's sums of weights times their gradients. Their
    absolute values are summed over the batches.

    Args:
        model: Left as it was.
        batches: Keyword arguments of the model.
        loss: Scalar of the model's output and the batch.
    """
    slopes = []
    with tapped(model) as taps, _differentiable(model), torch.enable_grad():
        for batch in batches:
            slopes.append(_slopes(model, taps, loss(model(**batch), batch)))
    heads, mlp = _summed(slopes)
    return Importance(heads, mlp)


@torch.no_grad()
def sort_by_importance(model: PreTrainedModel, importance: Importance) -> None:
    """Moves the important heads and channels of every layer to the front.

    The model computes what it did, but for the order in which numbers are added. Of a `SuperLM`
    made from it, smaller students get the important parts.
    """
    family = family_of(model.config)
    shape, names = family.shape(model.config), family.names
    layers: Any = model.base_model.get_submodule(family.layers)
    heads_of_layers = importance.heads.argsort(descending=True, stable=True)
    mlp_of_layers = importance.mlp.argsort(descending=True, stable=True)
    for layer, heads, mlp in zip(layers, heads_of_layers, mlp_of_layers, strict=True):
        keys = _channels(heads, shape.head_dim)
        queries = _channels(heads, shape.queries // shape.key_value_heads)
        _reorder(layer.get_submodule(names.query), outputs=queries)
        _reorder(layer.get_submodule(names.key), outputs=keys)
        _reorder(layer.get_submodule(names.value), outputs=keys)
        _reorder(layer.get_submodule(names.out), inputs=queries)
        for name in names.inner:
            _reorder(layer.get_submodule(name), outputs=mlp)
        _reorder(layer.get_submodule(names.outer), inputs=mlp)


@contextmanager
def _differentiable(model: PreTrainedModel) -> Iterator[None]:
    """Lets gradients through a model that may be frozen."""
    frozen = [weight for weight in model.parameters() if not weight.requires_grad]
    for weight in frozen:
        weight.requires_grad_(True)
    try:
        yield
    finally:
        for weight in frozen:
            weight.requires_grad_(False)


def _slopes(model: PreTrainedModel, taps: list[Tap], loss: Tensor) -> list[Tensor]:
    """Absolute derivatives of the loss by factors on heads and on channels of the MLP."""
    heads = [tap.heads for tap in taps]
    mlp = [[tap.mlp, *tap.before_activation] for tap in taps]
    tensors = [*heads, *(part for parts in mlp for part in parts)]
    gradients = iter(torch.autograd.grad(loss, tensors))

    def of(part: Tensor) -> Tensor:
        return (part.detach() * next(gradients)).sum((0, 1))  # (channel,)

    by_channel = torch.stack([of(part) for part in heads])
    by_neuron = [torch.stack([of(part) for part in parts]).abs().sum(0) for parts in mlp]
    return [_by_head(model, by_channel).abs(), torch.stack(by_neuron)]


def _summed(batches: list[list[Tensor]]) -> list[Tensor]:
    if not batches:
        raise UsageError("superlm: importance is found on data, and there was no batch. Give one.")
    return [torch.stack(parts).sum(0) for parts in zip(*batches, strict=True)]


def _by_head(model: PreTrainedModel, channels: Tensor) -> Tensor:
    """``(layer, channel of the queries)`` summed to ``(layer, head of keys and values)``."""
    heads = family_of(model.config).shape(model.config).key_value_heads
    by_head: Tensor = channels.unflatten(-1, (heads, -1)).sum(-1)
    return by_head


def _channels(heads: Tensor, width: int) -> Tensor:
    """The channels of heads of that width, in the order of the heads."""
    return (heads[:, None] * width + torch.arange(width, device=heads.device)).flatten()


def _reorder(
    linear: nn.Module, *, outputs: Tensor | None = None, inputs: Tensor | None = None
) -> None:
    for name, parameter in linear.named_parameters():
        if outputs is not None:
            parameter.copy_(parameter[outputs])
        elif inputs is not None and name == "weight":
            parameter.copy_(parameter[:, inputs])
