"""Families of language models of transformers: what their layers are called, how they are resized.

Nothing here imports transformers before a model is built or looked at.
"""

from __future__ import annotations

from typing import Any

from nas_kd.errors import UsageError
from search_spaces.language_models._bert import Bert
from search_spaces.language_models._family import Family, LayerNames, TransformerShape
from search_spaces.language_models._llama import Llama

__all__ = ["BERT", "LLAMA", "Family", "LayerNames", "TransformerShape", "family_of"]

BERT: Family = Bert()
LLAMA: Family = Llama()


def family_of(config: Any) -> Family:
    """The family of a configuration of transformers.

    Raises:
        UsageError: It is of no family that is known here.
    """
    kind = str(getattr(config, "model_type", "")).removeprefix("own-width-")
    for family in (BERT, LLAMA):
        if kind == family.model_type:
            return family
    raise UsageError(
        f"language models: {kind or type(config).__name__} is of no known family. Give a model of "
        f"type {BERT.model_type} or {LLAMA.model_type}."
    )
