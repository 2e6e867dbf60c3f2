"""How much a network forgets at random while it learns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from search_spaces.language_models import dropouts


@contextmanager
def dropping(module: nn.Module, share: float | None) -> Iterator[None]:
    """Every dropout of a module drops this share, and on leaving what it dropped before.

    Args:
        module: A model of transformers, or one that holds such models.
        share: In [0, 1); None leaves everything as it is.
    """
    if share is None:
        yield
        return
    before = [(part, name, getattr(part, name)) for part, name in dropouts(module).values()]
    for part, name, _ in before:
        setattr(part, name, share)
    try:
        yield
    finally:
        for part, name, value in before:
            setattr(part, name, value)
