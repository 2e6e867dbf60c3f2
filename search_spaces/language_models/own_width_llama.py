"""Llama whose heads need not divide the width of the tokens.

Transformers' Llama computes with heads of any ``head_dim``; only its configuration refuses numbers
of heads that do not divide the tokens' width.

This file imports transformers alone: it is saved beside the weights of such a model, which then
open with ``AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)``, or another of
transformers' ``Auto`` classes by its head, wherever transformers is.
"""

from __future__ import annotations

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    LlamaModel,
)


@strict  # collects the methods that validate anew, as it did for the class above
class OwnWidthLlamaConfig(LlamaConfig):
    """A Llama's configuration with any number of heads."""

    model_type = "own-width-llama"

    def validate_architecture(self) -> None:
        """Accepts every number of heads."""


class OwnWidthLlamaModel(LlamaModel):
    """`LlamaModel` with any number of heads."""

    config_class = OwnWidthLlamaConfig


class OwnWidthLlamaForCausalLM(LlamaForCausalLM):
    """`LlamaForCausalLM` with any number of heads."""

    config_class = OwnWidthLlamaConfig


class OwnWidthLlamaForSequenceClassification(LlamaForSequenceClassification):
    """`LlamaForSequenceClassification` with any number of heads."""

    config_class = OwnWidthLlamaConfig


OWN_WIDTH: dict[type[Any], type[Any]] = {
    LlamaModel: OwnWidthLlamaModel,
    LlamaForCausalLM: OwnWidthLlamaForCausalLM,
    LlamaForSequenceClassification: OwnWidthLlamaForSequenceClassification,
}
"""Transformers' classes, and those of such models."""

AutoConfig.register("own-width-llama", OwnWidthLlamaConfig, exist_ok=True)
AutoModel.register(OwnWidthLlamaConfig, OwnWidthLlamaModel, exist_ok=True)
AutoModelForCausalLM.register(OwnWidthLlamaConfig, OwnWidthLlamaForCausalLM, exist_ok=True)
AutoModelForSequenceClassification.register(
    OwnWidthLlamaConfig, OwnWidthLlamaForSequenceClassification, exist_ok=True
)
OwnWidthLlamaConfig.register_for_auto_class()
OwnWidthLlamaModel.register_for_auto_class("AutoModel")
OwnWidthLlamaForCausalLM.register_for_auto_class("AutoModelForCausalLM")
OwnWidthLlamaForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
