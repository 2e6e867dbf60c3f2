"""SuperLMs: their training, the ranking of their students, and short lists."""

from __future__ import annotations

from nas_kd.training.superlm.objective import objective_of
from nas_kd.training.superlm.ranking import (
    RankedStudent,
    counted_limits,
    feasible_students,
    in_order,
    shared_weight_losses,
)
from nas_kd.training.superlm.settings import SuperLMSettings
from nas_kd.training.superlm.shortlist import Finalist, distil_shortlist
from nas_kd.training.superlm.strategies import STRATEGIES, Chooser, Strategy
from nas_kd.training.superlm.students import cut_from, spread, teacher_sizes, text_task_of
from nas_kd.training.superlm.text import text_digest, training_text

__all__ = [
    "STRATEGIES",
    "Chooser",
    "Finalist",
    "RankedStudent",
    "Strategy",
    "SuperLMSettings",
    "counted_limits",
    "cut_from",
    "distil_shortlist",
    "feasible_students",
    "in_order",
    "objective_of",
    "shared_weight_losses",
    "spread",
    "teacher_sizes",
    "text_digest",
    "text_task_of",
    "training_text",
]
