"""SuperLMs: their training, the ranking of their students, and short lists."""

from __future__ import annotations

from nas_kd.training.superlm.relation_loss import held_out_losses
from nas_kd.training.superlm.settings import SuperLMSettings
from nas_kd.training.superlm.strategies import STRATEGIES, Chooser, Strategy

__all__ = ["STRATEGIES", "Chooser", "Strategy", "SuperLMSettings", "held_out_losses"]
