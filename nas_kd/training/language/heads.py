"""Encoders and decoders with a head for a task, and without any."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from search_spaces.language_models import family_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def with_head(model: PreTrainedModel, outputs: int, seed: int) -> PreTrainedModel:
    """A sequence classifier of transformers with copies of the model's weights.

    Args:
        model: A model without a head, of a known family and any shape.
        outputs: Numbers that it gives for a sequence: classes, or 1 for a score.
        seed: Of the head's initialisation.

    Raises:
        UsageError: It is of no known family.
    """
    family = family_of(model.config)
    config = copy.deepcopy(model.config)
    config.num_labels = outputs
    kind = family.model_class(_stock_classifier(family.model_type), family.shape(config))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier: Any = kind(config)
    classifier.base_model.load_state_dict(model.state_dict())
    return classifier.to(model.device)  # type: ignore[no-any-return]


def without_head(model: PreTrainedModel) -> PreTrainedModel:
    """What gives a model's states, of a class that opens again once it is saved.

    Of a model with its own width of queries, keys and values it is a copy: within one with a head
    it is of a class that is told so by that head alone.

    Raises:
        UsageError: It is of no known family.
    """
    base: Any = model.base_model
    family = family_of(model.config)
    kind: Any = family.model_class(type(base), family.shape(model.config))
    if isinstance(base, kind):
        return base  # type: ignore[no-any-return]
    with torch.random.fork_rng(devices=[]):
        bare = kind(copy.deepcopy(model.config))
    bare.load_state_dict(base.state_dict())
    return bare.to(model.device)  # type: ignore[no-any-return]


def _stock_classifier(model_type: str) -> type[Any]:
    import transformers
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as NAMES,
    )

    found: type[Any] = getattr(transformers, NAMES[model_type])
    return found
