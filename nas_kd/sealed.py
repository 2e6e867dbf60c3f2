"""JSON with a checksum in it, so that damage to a file is noticed when it is read.

A sealed object holds ``crc32``, the checksum of everything else in it. Whoever knows nothing of
the checksum reads an ordinary object with one more entry.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas_kd.whole_files import write_whole

_SEAL = "crc32"


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """``content`` with its checksum as the last entry."""
    return {**content, _SEAL: _checksum(content)}


def sealed_line(content: Mapping[str, Any]) -> str:
    """The sealed object as compact JSON on a line of its own."""
    text = _compact(content)
    comma = "," if content else ""
    return f'{text[:-1]}{comma}"{_SEAL}":"{_checksum_of(text)}"}}\n'


def unsealed(text: str | bytes, *, required: bool = True) -> dict[str, Any]:
    """The content of a sealed object.

    Args:
        text: JSON.
        required: Whether an object without a checksum is refused.

    Raises:
        ValueError: The text is no JSON object, or does not fit its checksum.
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it holds no JSON object")
    if _SEAL not in content and required:
        raise ValueError("it has no checksum")
    if not is_intact(content):
        raise ValueError("it does not fit its checksum")
    content.pop(_SEAL, None)
    return content


def is_intact(content: Mapping[str, Any]) -> bool:
    """Whether the checksum fits; so it does where there is none."""
    if _SEAL not in content:
        return True
    rest = {name: value for name, value in content.items() if name != _SEAL}
    return bool(content[_SEAL] == _checksum(rest))


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Replaces ``path`` by the sealed object.

    Raises:
        OSError: It cannot be written; an earlier file is left as it was.
    """
    write_whole(path, json.dumps(sealed(content), indent=2))


def _checksum(content: Mapping[str, Any]) -> str:
    return _checksum_of(_compact(content))


def _checksum_of(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _compact(content: Mapping[str, Any]) -> str:
    """The JSON text that counts, which writing and reading again does not change."""
    return json.dumps(content, separators=(",", ":"))
