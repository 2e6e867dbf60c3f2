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


def own_width_class(table: Mapping[type[Any], type[Any]], stock: type[Any]) -> type[Any]:
    """The class with its own width of queries, keys and values beside one of transformers.

    Raises:
        UsageError: There is none.
    """
    if stock not in table:
        raise UsageError(
            f"language models: there is no {stock.__name__} with its own width of queries, keys "
            f"and values; there are those of {', '.join(kind.__name__ for kind in table)}. Take "
            "one of these, or shapes that transformers' own classes have."
        )
    return table[stock]
