"""Weight-shared twins of the search spaces: one module that holds all students of a space."""

from __future__ import annotations

from search_spaces.supernets._mixture import CellKind, Mixture
from search_spaces.supernets._supernet import Supernet
from search_spaces.supernets.darts import DartsSupernet
from search_spaces.supernets.nasbench201 import NasBench201Supernet

__all__ = ["CellKind", "DartsSupernet", "Mixture", "NasBench201Supernet", "Supernet"]
