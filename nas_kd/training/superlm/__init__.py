"""SuperLMs: their training, the ranking of their students, and short lists."""

from __future__ import annotations

from nas_kd.training.superlm.ranking import RankedStudent, rank_students, shared_weight_losses
from nas_kd.training.superlm.settings import SuperLMSettings
from nas_kd.training.superlm.shortlist import Finalist, choose_student
from nas_kd.training.superlm.strategies import STRATEGIES, Chooser, Strategy
from nas_kd.training.superlm.students import cut_from, spread, teacher_sizes, text_task_of

__all__ = [
    "STRATEGIES",
    "Chooser",
    "Finalist",
    "RankedStudent",
    "Strategy",
    "SuperLMSettings",
    "choose_student",
    "cut_from",
    "rank_students",
    "shared_weight_losses",
    "spread",
    "teacher_sizes",
    "text_task_of",
]
