"""What a search scores students by unless it is told."""

from __future__ import annotations

from studies.fusions import Fusion

DEFAULT_PROXIES = ("trainable_width",)
"""What ranks trained accuracies best on most real tables (``benchmarks.own_proxy``)."""

DEFAULT_FUSION: Fusion = "reference"
"""How several become one score."""

_OTHERS = {
    "darts": ("apd", "az_expressivity", "naswot"),
    "nasbench-macro": ("naswot", "az_expressivity"),
}
"""Spaces in which others serve better (``benchmarks.proxy_audit``). In ``darts`` many students have
no value by it: average pooling sees normalised maps there, whose mean no weight can move. By these
three they have, and together they rank well on the tables of all other convolutional spaces. In
``nasbench-macro`` it prefers few layers with many weights to many layers, of equal MACs, and these
are more accurate there."""


def default_fusions() -> list[tuple[str, ...]]:
    """The proxies of every space that fuses several."""
    return [names for names in _OTHERS.values() if len(names) > 1]


def default_proxies(space: str) -> tuple[str, ...]:
    """Names of proxies, by the name of a space."""
    return _OTHERS.get(space, DEFAULT_PROXIES)
