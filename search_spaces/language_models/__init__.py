"""Families of language models of transformers: what their layers are called, how they are resized.

Nothing here imports transformers before a model is built or looked at.
"""

from __future__ import annotations

from typing import Any

from nas_kd.errors import UsageError
from search_spaces._space import Head
from search_spaces.language_models._bert import Bert
from search_spaces.language_models._dropout import drop_alike, dropouts
from search_spaces.language_models._family import Family, LayerNames, TransformerShape
from search_spaces.language_models._heads import head_of
from search_spaces.language_models._llama import Llama

__all__ = [
    "BERT",
    "LLAMA",
    "Family",
    "Head",
    "LayerNames",
    "TransformerShape",
    "class_named",
    "drop_alike",
    "dropouts",
    "family_of",
    "head_of",
    "make_known",
]

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


def make_known() -> None:
    """Makes transformers' ``Auto`` classes open models of ours, those with their own width."""
    from search_spaces.language_models import own_width_bert, own_width_llama  # noqa: F401


def class_named(name: str) -> type[Any]:
    """The class of that name, transformers' own or one of ours with its own width.

    Raises:
        UsageError: There is none.
    """
    import transformers

    from search_spaces.language_models import own_width_bert, own_width_llama

    for module in (transformers, own_width_bert, own_width_llama):
        found = getattr(module, name, None)
        if isinstance(found, type) and issubclass(found, transformers.PreTrainedModel):
            return found
    raise UsageError(f"language models: neither transformers nor this package has {name!r}.")
