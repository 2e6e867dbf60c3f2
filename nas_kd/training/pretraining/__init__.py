"""Pre-training of supernets: one frame for all methods; each family brings its own.

The names are loaded when they are first used: whoever only looks at a directory needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_kd.lazy_names import lazy_names

if TYPE_CHECKING:
    from nas_kd.training.pretraining.folder import PretrainingFolder
    from nas_kd.training.pretraining.method import Job, Method, Session, Settings
    from nas_kd.training.pretraining.methods import METHODS
    from nas_kd.training.pretraining.restored import load_supernet
    from nas_kd.training.pretraining.run import pretrain
    from nas_kd.training.pretraining.settings_meaning import setting_meanings
    from nas_kd.training.pretraining.settings_text import (
        parse_settings,
        setting_defaults,
        setting_kinds,
    )

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
    "setting_defaults",
    "setting_kinds",
    "setting_meanings",
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
    "setting_defaults": "settings_text",
    "setting_kinds": "settings_text",
    "setting_meanings": "settings_meaning",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
