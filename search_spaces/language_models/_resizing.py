"""A configuration of transformers with other sizes, and the class that takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas_kd.errors import UsageError

_NOT_SETTINGS = {"architectures", "auto_map", "head_dim", "model_type", "transformers_version"}
"""What a configuration says about the class and file that it came with."""


def with_sizes(config: Any, kind: type[Any], **sizes: int) -> Any:
    """A configuration of class ``kind`` with the settings of ``config`` and these sizes."""
    settings = {k: v for k, v in config.to_dict().items() if k not in _NOT_SETTINGS}
    resized = kind(**{**settings, **sizes})
    resized._attn_implementation = config._attn_implementation
    return resized


def class_for(table: Mapping[type[Any], type[Any]], kind: type[Any], *, stock: bool) -> type[Any]:
    """The class of transformers that ``kind`` is or stands beside, or the one beside it.

    Args:
        table: Classes of transformers, and those with their own width of queries, keys and values.
        kind: Any of both.
        stock: Whether transformers' own is wanted.

    Raises:
        UsageError: There is none beside it.
    """
    own = next((own for of, own in table.items() if kind in (of, own)), None)
    if stock:
        return next((of for of, beside in table.items() if beside is kind), kind)
    if own is None:
        raise UsageError(
            f"language models: there is no {kind.__name__} with its own width of queries, keys "
            f"and values; there are those of {', '.join(of.__name__ for of in table)}. Take one "
            "of these, or shapes that transformers' own classes have."
        )
    return own
