"""BERT whose queries, keys and values have a width of their own.

In transformers' BERT they are as wide as the tokens, so that the heads must divide that width. Here
a head has ``head_dim`` channels, whatever the width of the tokens. All else is transformers' code.

This file imports transformers alone: it is saved beside the weights of such a model, which then
open with ``AutoModel.from_pretrained(folder, trust_remote_code=True)`` wherever transformers is.
"""

from __future__ import annotations

from typing import Any

from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    PreTrainedModel,
)


class OwnWidthBertConfig(BertConfig):
    """A BERT's configuration with the channels of one head."""

    model_type = "own-width-bert"

    head_dim: int = 64

    @property
    def embedding_size(self) -> int:
        """Says to `BertSelfAttention` that the heads need not divide the tokens' width."""
        return int(self.hidden_size)


def widen(model: PreTrainedModel) -> None:
    """Gives the linear layers of attention their own width, and initialises them."""
    config = model.config
    width = config.num_attention_heads * config.head_dim
    for layer in model.base_model.encoder.layer:
        attention = layer.attention.self
        attention.attention_head_size = config.head_dim
        attention.all_head_size = width
        attention.scaling = config.head_dim**-0.5
        for name in ("query", "key", "value"):
            setattr(attention, name, nn.Linear(config.hidden_size, width))
        layer.attention.output.dense = nn.Linear(width, config.hidden_size)
    model.post_init()


class OwnWidthBertModel(BertModel):
    """`BertModel` with heads of ``head_dim`` channels."""

    config_class = OwnWidthBertConfig

    def __init__(self, config: OwnWidthBertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config, add_pooling_layer)
        widen(self)


class OwnWidthBertForMaskedLM(BertForMaskedLM):
    """`BertForMaskedLM` with heads of ``head_dim`` channels."""

    config_class = OwnWidthBertConfig

    def __init__(self, config: OwnWidthBertConfig) -> None:
        super().__init__(config)
        widen(self)


class OwnWidthBertForSequenceClassification(BertForSequenceClassification):
    """`BertForSequenceClassification` with heads of ``head_dim`` channels."""

    config_class = OwnWidthBertConfig

    def __init__(self, config: OwnWidthBertConfig) -> None:
        super().__init__(config)
        widen(self)


OWN_WIDTH: dict[type[Any], type[Any]] = {
    BertModel: OwnWidthBertModel,
    BertForMaskedLM: OwnWidthBertForMaskedLM,
    BertForSequenceClassification: OwnWidthBertForSequenceClassification,
}
"""Transformers' classes, and those of such models."""

AutoConfig.register("own-width-bert", OwnWidthBertConfig, exist_ok=True)
AutoModel.register(OwnWidthBertConfig, OwnWidthBertModel, exist_ok=True)
AutoModelForSequenceClassification.register(
    OwnWidthBertConfig, OwnWidthBertForSequenceClassification, exist_ok=True
)
OwnWidthBertConfig.register_for_auto_class()
OwnWidthBertModel.register_for_auto_class("AutoModel")
OwnWidthBertForMaskedLM.register_for_auto_class("AutoModelForMaskedLM")
OwnWidthBertForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
