"""What gives the next token's logits in a model of transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search_spaces._space import Head

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def head_of(model: PreTrainedModel) -> Head:
    """The head of a model, with or without weights of its own; ``none`` of one without."""
    output: Any = model.get_output_embeddings()
    if output is None:
        return "none"
    embeddings: Any = model.get_input_embeddings()
    return "tied" if output.weight is embeddings.weight else "own"
