"""Training of language models: one loop, what it minimises, and fine-tuning."""

from __future__ import annotations

from nas_kd.training.language.embedding import (
    EmbeddingSettings,
    distil_embeddings,
    similarity_score,
)
from nas_kd.training.language.finetune import FinetuneSettings, finetune
from nas_kd.training.language.heads import with_head, without_head
from nas_kd.training.language.imitation import imitation_losses
from nas_kd.training.language.judging import embeddings_of, outputs_of, task_score
from nas_kd.training.language.loop import LanguageLoop, Moment
from nas_kd.training.language.settings import LoopSettings
from nas_kd.training.language.standalone import imitate, imitation_loss, loss_name
from nas_kd.training.language.state_lesson import (
    TaskSettings,
    imitate_states,
    require_imitable,
)
from nas_kd.training.language.state_objective import StateObjective
from nas_kd.training.language.train import LanguageResult, train_language

__all__ = [
    "EmbeddingSettings",
    "FinetuneSettings",
    "LanguageLoop",
    "LanguageResult",
    "LoopSettings",
    "Moment",
    "StateObjective",
    "TaskSettings",
    "distil_embeddings",
    "embeddings_of",
    "finetune",
    "imitate",
    "imitate_states",
    "imitation_loss",
    "imitation_losses",
    "loss_name",
    "outputs_of",
    "require_imitable",
    "similarity_score",
    "task_score",
    "train_language",
    "with_head",
    "without_head",
]
