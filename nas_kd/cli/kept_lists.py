"""Lists of components, kept for the next time: to make one, all that it names is imported."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nas_kd import __version__
from nas_kd.user_cache import user_cache

Entries = list[dict[str, Any]]
_SOURCES = ("search_spaces", "proxies", "studies", "nas_kd")


def kept_list(kind: str, make: Callable[[], Entries]) -> Entries:
    """What ``make`` returns, from the user's cache as long as nothing that it depends on changed.

    It depends on our own sources. Where other packages register components of the kind, the list
    is always made anew. A cache that cannot be read or written is done without.
    """
    if entry_points(group=f"nas_kd.{kind}"):
        return make()
    from nas_kd.sealed import unsealed, write_sealed

    path, stamp = user_cache() / "lists" / f"{kind}.json", _stamp()
    with suppress(OSError, ValueError):
        kept = unsealed(path.read_bytes())
        if kept["stamp"] == stamp:
            entries: Entries = kept["entries"]
            return entries
    entries = make()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(path, {"stamp": stamp, "entries": entries})
    return entries


def _stamp() -> str:
    """Changes with every source file and recipe of ours, by its size and time."""
    files = [
        (str(file), status.st_size, status.st_mtime_ns)
        for folder in map(_folder, _SOURCES)
        for file in sorted(folder.rglob("*"))
        if file.suffix in (".py", ".toml") and (status := file.stat())
    ]
    text = json.dumps([__version__, sys.version, files])
    return hashlib.sha256(text.encode()).hexdigest()


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    return Path(spec.origin).parent
