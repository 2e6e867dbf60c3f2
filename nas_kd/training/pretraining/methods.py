"""The registry of pre-training methods."""

from __future__ import annotations

from nas_kd.registry import Registry
from nas_kd.training.darts.methods import DARTS_METHODS
from nas_kd.training.masked.methods import DMAE, G2SD
from nas_kd.training.poa.methods import POA
from nas_kd.training.pretraining.method import Method
from nas_kd.training.sandwich.methods import SANDWICH
from nas_kd.training.superlm.methods import SUPERLM_METHODS

METHODS: Registry[Method] = Registry(
    "methods",
    wanted="a nas_kd.training.pretraining.Method",
    accepts=lambda found: isinstance(found, Method),
)

for _method in (*SUPERLM_METHODS, *DARTS_METHODS, POA, SANDWICH, DMAE, G2SD):
    METHODS.register(_method.name, _method)
