"""Pre-training of supernets: one frame for all methods; each family brings its own.

The names are loaded when they are first used: whoever only looks at a directory needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas_kd.training.pretraining.folder import PretrainingFolder
    from nas_kd.training.pretraining.method import Job, Method, Session, Settings
    from nas_kd.training.pretraining.methods import METHODS
    from nas_kd.training.pretraining.restored import load_supernet
    from nas_kd.training.pretraining.run import pretrain
    from nas_kd.training.pretraining.settings_text import parse_settings, setting_kinds

__all__ = [
    "METHODS",
    "Job",
    "Method",
    "PretrainingFolder",
    "Session",
    "Settings",
    "load_supernet",
    "parse_settings",
    "pretrain",
    "setting_kinds",
]

_HOMES = {
    "METHODS": "methods",
    "Job": "method",
    "Method": "method",
    "PretrainingFolder": "folder",
    "Session": "method",
    "Settings": "method",
    "load_supernet": "restored",
    "parse_settings": "settings_text",
    "pretrain": "run",
    "setting_kinds": "settings_text",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
