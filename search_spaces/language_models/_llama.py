"""Llama: decoders with rotated positions, grouped keys and values, and gated MLPs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search_spaces._space import Sizes, TextTask
from search_spaces.language_models._family import LayerNames, TransformerShape
from search_spaces.language_models._resizing import class_for, with_sizes

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


class Llama:
    """`transformers.LlamaModel` and the models around it."""

    model_type = "llama"
    layers = "layers"
    names = LayerNames(
        query="self_attn.q_proj",
        key="self_attn.k_proj",
        value="self_attn.v_proj",
        out="self_attn.o_proj",
        inner=("mlp.gate_proj", "mlp.up_proj"),
        outer="mlp.down_proj",
    )
    causal = True
    rotation = "rotary_emb"
    narrows_heads = False

    def shape(self, config: Any) -> TransformerShape:
        return TransformerShape(
            layers=config.num_hidden_layers,
            hidden=config.hidden_size,
            heads=config.num_attention_heads,
            key_value_heads=config.num_key_value_heads,
            head_dim=config.head_dim,
            inner=config.intermediate_size,
        )

    def is_stock(self, shape: TransformerShape) -> bool:
        """A stock Llama's heads have a width of their own and yet must divide the tokens'."""
        return shape.hidden % shape.heads == 0

    def resized(self, config: Any, shape: TransformerShape) -> PreTrainedConfig:
        from transformers import LlamaConfig

        from search_spaces.language_models.own_width_llama import OwnWidthLlamaConfig

        return with_sizes(
            config,
            LlamaConfig if self.is_stock(shape) else OwnWidthLlamaConfig,
            num_hidden_layers=shape.layers,
            hidden_size=shape.hidden,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.key_value_heads,
            intermediate_size=shape.inner,
            head_dim=shape.head_dim,
        )

    def model_class(self, kind: type[Any], shape: TransformerShape) -> type[PreTrainedModel]:
        from search_spaces.language_models.own_width_llama import OWN_WIDTH

        return class_for(OWN_WIDTH, kind, stock=self.is_stock(shape))

    def build(self, shape: TransformerShape, task: TextTask) -> PreTrainedModel:
        """`LlamaForSequenceClassification`, or without classes `LlamaForCausalLM` or `LlamaModel`,
        as the task's head is."""
        from transformers import (
            LlamaConfig,
            LlamaForCausalLM,
            LlamaForSequenceClassification,
            LlamaModel,
        )

        config = LlamaConfig(
            vocab_size=task.vocabulary,
            max_position_embeddings=task.positions,
            num_labels=max(1, task.num_classes),
            pad_token_id=0,
            tie_word_embeddings=task.head == "tied",
            attention_bias=task.attention_bias,
            mlp_bias=task.mlp_bias,
        )
        without_classes = LlamaModel if task.head == "none" else LlamaForCausalLM
        stock = LlamaForSequenceClassification if task.num_classes else without_classes
        return self.model_class(stock, shape)(self.resized(config, shape))

    def sizes(self, shape: TransformerShape, task: TextTask) -> Sizes:
        width, tokens = shape.hidden, task.length
        attention = 2 * width * (shape.queries + shape.keys)  # queries and output, keys and values
        weights = shape.layers * (attention + 3 * width * shape.inner)
        products = shape.layers * 2 * tokens**2 * shape.queries
        norms = (2 * shape.layers + 1) * width
        biases = shape.layers * (
            task.attention_bias * (shape.queries + 2 * shape.keys + width)
            + task.mlp_bias * (2 * shape.inner + width)
        )
        outputs = task.num_classes or (0 if task.head == "none" else task.vocabulary)
        shares_weights = not task.num_classes and task.head == "tied"
        head = width * outputs
        return Sizes(
            macs=tokens * (weights + head) + products,
            params=weights
            + biases
            + norms
            + width * task.vocabulary
            + (0 if shares_weights else head),
        )
