"""Weight-shared twins of the search spaces: one module that holds all students of a space."""

from __future__ import annotations

from search_spaces.supernets._supernet import Supernet

__all__ = ["Supernet"]
