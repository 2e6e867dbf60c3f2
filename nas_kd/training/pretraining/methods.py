"""The registry of pre-training methods."""

from __future__ import annotations

from nas_kd.registry import Registry
from nas_kd.training.pretraining.method import Method
from nas_kd.training.superlm.methods import SUPERLM_METHODS

METHODS: Registry[Method] = Registry("methods")

for _method in SUPERLM_METHODS:
    METHODS.register(_method.name, _method)
