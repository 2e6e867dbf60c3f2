"""What a pre-training was asked for, as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas_kd.report.toml_text import to_toml

_ASKED = ("method", "space", "data", "teacher", "checkpoint", "image_size", "seed")


def settings_toml(document: Mapping[str, Any]) -> str:
    """Method, space, data and all settings; what was left out is left out."""
    asked = {name: document[name] for name in _ASKED if document.get(name) is not None}
    sections = {name: document.get(name) or {} for name in ("space_options", "settings")}
    given = {
        name: {inner: value for inner, value in section.items() if value is not None}
        for name, section in sections.items()
        if section
    }
    return to_toml({**asked, **given})
