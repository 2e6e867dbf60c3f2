"""Models of transformers of a given shape, without weights or with weights that are copied in."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from search_spaces.language_models import TransformerShape, family_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def student_like(like: PreTrainedModel, shape: TransformerShape) -> PreTrainedModel:
    """A model of the kind and settings of ``like`` in another shape, freshly initialised."""
    family = family_of(like.config)
    kind = family.model_class(type(like), shape)
    model = kind(family.resized(like.config, shape))
    if like.can_generate():
        model.generation_config = copy.deepcopy(like.generation_config)
    return model


def uninitialised(like: PreTrainedModel, shape: TransformerShape) -> PreTrainedModel:
    """The same, its weights arbitrary."""
    from transformers.initialization import no_init_weights

    with no_init_weights():
        model = student_like(like, shape)
    model.tie_weights()
    return model


def skeleton(like: PreTrainedModel, shape: TransformerShape) -> PreTrainedModel:
    """The same without memory for weights: for `torch.func.functional_call` on the device of
    ``like``."""
    model = uninitialised(like, shape)
    empty = {
        parameter: nn.Parameter(torch.empty_like(parameter, device="meta"))
        for parameter in model.parameters()
    }
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, empty[parameter])
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.to(like.device))
    return model


def filled(model: PreTrainedModel, weights: Mapping[str, Tensor]) -> PreTrainedModel:
    """The model with copies of the weights, of their type and on their device, in eval mode."""
    for name, parameter in model.named_parameters():
        parameter.data = weights[name].detach().clone()
    return model.to(next(model.parameters()).device).eval()
