"""`Family`: what spaces and SuperLMs have to know about one kind of language model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from search_spaces._space import Sizes, TextTask

if TYPE_CHECKING:  # transformers takes a second to import: only who builds a model waits for it
    from transformers import PreTrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class TransformerShape:
    """Sizes of a Transformer whose layers are alike.

    Attributes:
        layers: Number of layers.
        hidden: Channels of a token.
        heads: Heads of the queries.
        key_value_heads: Heads of the keys and values; each serves equally many query heads.
        head_dim: Channels of a head.
        inner: Channels inside the MLP.
    """

    layers: int
    hidden: int
    heads: int
    key_value_heads: int
    head_dim: int
    inner: int

    @property
    def queries(self) -> int:
        """Channels of the queries of a layer."""
        return self.heads * self.head_dim

    @property
    def keys(self) -> int:
        """Channels of the keys, and of the values, of a layer."""
        return self.key_value_heads * self.head_dim

    def within(self, other: TransformerShape) -> bool:
        """Whether no size is above the other's."""
        return all(value <= getattr(other, name) for name, value in vars(self).items())


@dataclass(frozen=True)
class LayerNames:
    """Names of the linear parts of a layer, seen from the layer.

    Attributes:
        query: Makes the queries, as ``key`` and ``value`` make theirs.
        key: See ``query``.
        value: See ``query``.
        out: Reads the heads' outputs.
        inner: Those that widen a token into the MLP.
        outer: Leads from the MLP back to the token.
    """

    query: str
    key: str
    value: str
    out: str
    inner: tuple[str, ...]
    outer: str


class Family(Protocol):
    """One kind of language model, in transformers' own classes.

    Attributes:
        model_type: Its name in transformers.
        layers: Path of the list of layers in the model without a head.
        names: Linear parts of a layer.
        causal: Whether tokens look at earlier tokens and themselves alone.
        rotation: Path of what gives the cosines and sines by which positions are rotated into
            queries and keys, in the model without a head; None where they are not.
        narrows_heads: Whether a head's leading channels are a head; not so where positions are
            rotated into pairs of distant channels.
    """

    @property
    def model_type(self) -> str: ...

    @property
    def layers(self) -> str: ...

    @property
    def names(self) -> LayerNames: ...

    @property
    def causal(self) -> bool: ...

    @property
    def rotation(self) -> str | None: ...

    @property
    def narrows_heads(self) -> bool: ...

    def shape(self, config: Any) -> TransformerShape:
        """The sizes that a configuration states."""
        ...

    def is_stock(self, shape: TransformerShape) -> bool:
        """Whether transformers' own configuration can state these sizes."""
        ...

    def resized(self, config: Any, shape: TransformerShape) -> PreTrainedConfig:
        """The configuration with other sizes: transformers' own where that can state them, else
        one with a width of queries, keys and values of its own."""
        ...

    def model_class(self, kind: type[Any], shape: TransformerShape) -> type[PreTrainedModel]:
        """The class of a model like ``kind``, with the same head, for such a shape.

        Raises:
            UsageError: There is none.
        """
        ...

    def build(self, shape: TransformerShape, task: TextTask) -> PreTrainedModel:
        """A freshly initialised model for the task."""
        ...

    def sizes(self, shape: TransformerShape, task: TextTask) -> Sizes:
        """Closed-form sizes of what `build` gives."""
        ...
