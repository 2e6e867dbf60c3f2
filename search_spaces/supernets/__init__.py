"""Weight-shared twins of the search spaces: one module that holds all students of a space."""

from __future__ import annotations

from search_spaces.supernets._mixture import CellKind, Mixture
from search_spaces.supernets._observing import Observation, observe, states_of
from search_spaces.supernets._placed import Placed, Uses
from search_spaces.supernets._skeleton import student_like
from search_spaces.supernets._supernet import Supernet
from search_spaces.supernets.darts import DartsSupernet
from search_spaces.supernets.nasbench201 import NasBench201Supernet
from search_spaces.supernets.superlm import SuperLM
from search_spaces.supernets.superlm_depth import DepthRule, kept_layers
from search_spaces.supernets.superlm_importance import (
    Importance,
    activation_importance,
    gradient_importance,
    sort_by_importance,
)

__all__ = [
    "CellKind",
    "DartsSupernet",
    "DepthRule",
    "Importance",
    "Mixture",
    "NasBench201Supernet",
    "Observation",
    "Placed",
    "SuperLM",
    "Supernet",
    "Uses",
    "activation_importance",
    "gradient_importance",
    "kept_layers",
    "observe",
    "sort_by_importance",
    "states_of",
    "student_like",
]
