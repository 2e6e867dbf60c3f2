"""Where the suite keeps for the user what is dear to make again."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    """``NAS_KD_CACHE``, else ``nas_kd`` in the user's cache folder; it need not exist."""
    if explicit := os.environ.get("NAS_KD_CACHE"):
        return Path(explicit)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "nas_kd"
