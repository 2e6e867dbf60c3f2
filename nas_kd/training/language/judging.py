"""What a language model says about texts, and how right it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional as F

from nas_kd.data.text import LabelledTexts, TokenSequences
from nas_kd.errors import UsageError
from nas_kd.training.evaluate import device_of, eval_mode

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def outputs_of(model: PreTrainedModel, sequences: TokenSequences, *, role: str = "model") -> Tensor:
    """The logits or scores of a model with a head, ``(sequence, output)``, on the CPU.

    Raises:
        UsageError: A sequence is longer than the model, named by its role, can read.
    """
    return _collected(role, model, sequences, lambda batch: model(**batch).logits)


def embeddings_of(
    model: PreTrainedModel, sequences: TokenSequences, *, role: str = "model"
) -> Tensor:
    """Sentence embeddings, ``(sequence, channel)``, of length one, on the CPU.

    Raises:
        UsageError: As in `outputs_of`.
    """
    return _collected(
        role, model, sequences, lambda batch: F.normalize(pooled(model, batch), dim=1)
    )


def pooled(model: PreTrainedModel, batch: dict[str, Tensor]) -> Tensor:
    """Mean of the last hidden states over the real tokens, ``(batch, channel)``.

    This is the pooling of all-MiniLM and most other sentence encoders.
    """
    hidden = model(**batch).last_hidden_state  # batch, token, channel
    mask = batch["attention_mask"][:, :, None].to(hidden.dtype)
    mean: Tensor = (hidden * mask).sum(1) / mask.sum(1)
    return mean


def require_positions(role: str, model: PreTrainedModel, *texts: TokenSequences) -> None:
    """Raises `UsageError` where a sequence is longer than the model can read."""
    positions = model.config.max_position_embeddings
    longest = max(sequences.longest for sequences in texts)
    if longest > positions:
        raise UsageError(
            f"training: the {role} reads at most {positions} tokens, and the longest text has "
            f"{longest}. Set max_tokens to at most {positions}."
        )


def task_score(task: LabelledTexts, outputs: Tensor, targets: Tensor) -> float:
    """Accuracy in [0, 1], or Spearman's rank correlation of scores.

    Args:
        task: Which of the two.
        outputs: ``(example, output)``.
        targets: ``(example,)``.
    """
    if task.is_regression:
        return rank_correlation(outputs[:, 0], targets)
    return float((outputs.argmax(1) == targets).double().mean())


def rank_correlation(found: Tensor, wanted: Tensor) -> float:
    """Spearman's rho of two ``(example,)``; 0 where one of them is constant."""
    rho = float(spearmanr(found.double().numpy(), wanted.double().numpy()).statistic)
    return 0.0 if math.isnan(rho) else rho


@torch.no_grad()
def _collected(
    role: str,
    model: PreTrainedModel,
    sequences: TokenSequences,
    run: Callable[[dict[str, Tensor]], Tensor],
    batch_size: int = 64,
) -> Tensor:
    """What ``run`` gives for all sequences in their order; long and short ones apart."""
    require_positions(role, model, sequences)
    device, order = device_of(model), sequences.by_length()
    with eval_mode(model):
        parts = [
            run({name: value.to(device) for name, value in sequences.batch(part).items()})
            .float()
            .cpu()
            for part in order.split(batch_size)
        ]
    return torch.cat(parts)[order.argsort()]
