"""Hooks on gradients that count in some backward passes only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Listener:
    """Something whose hooks are on all backward passes and heed those inside `listening`."""

    _listening = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Only the backward pass inside counts."""
        self._listening = True
        try:
            yield
        finally:
            self._listening = False
