"""The registry of pre-training methods."""

from __future__ import annotations

from nas_kd.registry import Registry
from nas_kd.training.pretraining.method import Method

METHODS: Registry[Method] = Registry("methods")
