"""Pre-training of supernets: one frame for all methods; each family brings its own."""

from __future__ import annotations

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
