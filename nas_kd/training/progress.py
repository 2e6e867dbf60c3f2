"""Who is told how far a training is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Told how many of how many units (epochs, steps, seconds) are over, and the best result so far."""
