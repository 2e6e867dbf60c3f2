"""SuperLM training in the pre-training frame: one method for every strategy."""

from __future__ import annotations

from functools import partial

from nas_kd.training.pretraining.method import Method
from nas_kd.training.superlm.session import SuperLMSession, restore
from nas_kd.training.superlm.settings import SuperLMSettings
from nas_kd.training.superlm.strategies import STRATEGIES, Strategy

_SPACES = (
    "autodistil-base",
    "autodistil-small",
    "autodistil-tiny",
    "autodistil",
    "autodistil-decoder",
)


def _method(strategy: Strategy) -> Method:
    own = strategy.name == "autodistil"
    return Method(
        name=strategy.name if own else f"superlm-{strategy.name}",
        summary=f"students imitate the teacher's relations: {strategy.summary}",
        source=strategy.source,
        spaces=_SPACES,
        settings=SuperLMSettings,
        start=partial(SuperLMSession, strategy=strategy),
        restore=restore,
    )


SUPERLM_METHODS: tuple[Method, ...] = tuple(map(_method, STRATEGIES))
"""Methods for the spaces of language models."""
