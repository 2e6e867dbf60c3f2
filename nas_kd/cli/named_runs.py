"""Run directories for those who name none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def run_named_by(prefix: str, frozen: Mapping[str, Any]) -> Path:
    """A folder of its own for everything that gives another result.

    Args:
        prefix: How its name begins.
        frozen: All that decides the result, as JSON values by name.
    """
    digest = hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()
    return Path("runs") / f"{prefix}-{digest[:8]}"
