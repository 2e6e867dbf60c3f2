"""BERT: encoders with learned positions and segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search_spaces import _counting as count
from search_spaces import _vit_counting as vit
from search_spaces._space import Sizes, TextTask
from search_spaces.language_models._family import LayerNames, TransformerShape
from search_spaces.language_models._resizing import class_for, with_sizes

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


class Bert:
    """`transformers.BertModel` and the models around it."""

    model_type = "bert"
    layers = "encoder.layer"
    names = LayerNames(
        query="attention.self.query",
        key="attention.self.key",
        value="attention.self.value",
        out="attention.output.dense",
        inner=("intermediate.dense",),
        outer="output.dense",
    )
    causal = False
    rotation = None
    narrows_heads = True

    def shape(self, config: Any) -> TransformerShape:
        heads = config.num_attention_heads
        return TransformerShape(
            layers=config.num_hidden_layers,
            hidden=config.hidden_size,
            heads=heads,
            key_value_heads=heads,
            head_dim=getattr(config, "head_dim", config.hidden_size // heads),
            inner=config.intermediate_size,
        )

    def is_stock(self, shape: TransformerShape) -> bool:
        """A stock BERT's queries are as wide as its tokens."""
        return shape.queries == shape.hidden

    def resized(self, config: Any, shape: TransformerShape) -> PreTrainedConfig:
        from transformers import BertConfig

        from search_spaces.language_models.own_width_bert import OwnWidthBertConfig

        sizes = {
            "num_hidden_layers": shape.layers,
            "hidden_size": shape.hidden,
            "num_attention_heads": shape.heads,
            "intermediate_size": shape.inner,
        }
        if self.is_stock(shape):
            return with_sizes(config, BertConfig, **sizes)
        return with_sizes(config, OwnWidthBertConfig, **sizes, head_dim=shape.head_dim)

    def model_class(self, kind: type[Any], shape: TransformerShape) -> type[PreTrainedModel]:
        from search_spaces.language_models.own_width_bert import OWN_WIDTH

        return class_for(OWN_WIDTH, kind, stock=self.is_stock(shape))

    def build(self, shape: TransformerShape, task: TextTask) -> PreTrainedModel:
        """`BertModel` with its pooler, or `BertForSequenceClassification`."""
        from transformers import BertConfig, BertForSequenceClassification, BertModel

        config = BertConfig(
            vocab_size=task.vocabulary,
            max_position_embeddings=task.positions,
            type_vocab_size=task.segments,
            num_labels=max(1, task.num_classes),
        )
        stock = BertForSequenceClassification if task.num_classes else BertModel
        return self.model_class(stock, shape)(self.resized(config, shape))

    def sizes(self, shape: TransformerShape, task: TextTask) -> Sizes:
        width = shape.hidden
        rows = task.vocabulary + task.positions + task.segments
        layer = vit.block(
            width, attention=shape.queries, hidden=shape.inner, tokens=task.length
        )  # the norms are elsewhere than in a vision transformer, and as many
        parts = [
            vit.embedding(rows * width),
            vit.layer_norm(width),
            count.repeated(layer, shape.layers),
            count.linear(width, width),  # the pooler, of the first token
        ]
        if task.num_classes:
            parts.append(count.linear(width, task.num_classes))
        return count.total(parts)
