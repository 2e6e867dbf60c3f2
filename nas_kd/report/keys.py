"""Keys of archs, as a run's document and its table name them."""

from __future__ import annotations

import json
from collections.abc import Mapping


def key_of(arch: Mapping[str, int | str]) -> str:
    """The canonical key of an arch given as plain JSON."""
    return json.dumps(dict(arch), sort_keys=True, separators=(",", ":"))
