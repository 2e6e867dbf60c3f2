"""Optimiser and learning-rate schedule of a training."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from timm.optim import param_groups_weight_decay
from timm.scheduler import CosineLRScheduler
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from nas_kd.errors import UsageError
from nas_kd.training.settings import TrainingSettings

_TICKS = 1_000_000
_WARMUP_FROM = 0.1


def make_optimizer(module: nn.Module, settings: TrainingSettings) -> Optimizer:
    """The optimiser over all parameters that are not frozen.

    Norms and biases do not decay, nor does what a part of the module names in ``no_weight_decay()``
    as timm's models do: positions, class tokens, tables of relative positions.

    Raises:
        UsageError: Every parameter is frozen, or there is none.
    """
    groups = weight_decay_groups(module, settings.weight_decay, spared=_not_decaying(module))
    if settings.optimizer == "adamw":
        return AdamW(groups, lr=settings.learning_rate)
    return SGD(groups, lr=settings.learning_rate, momentum=0.9, nesterov=True)


def weight_decay_groups(
    module: nn.Module, weight_decay: float, *, spared: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The parameters that are not frozen, in groups for an optimiser.

    Args:
        module: What is trained.
        weight_decay: On matrices and kernels; norms and biases have none.
        spared: Names of parameters that have none either.

    Raises:
        UsageError: Every parameter is frozen, or there is none.
    """
    groups = param_groups_weight_decay(module, weight_decay, no_weight_decay_list=spared)
    filled: list[dict[str, Any]] = [group for group in groups if group["params"]]
    if not filled:
        raise UsageError(
            f"training: {type(module).__name__} has no parameter to train; call "
            "requires_grad_(True) on it."
        )
    return filled


def _not_decaying(module: nn.Module) -> set[str]:
    """Names of the parameters that parts of the module do not want to decay."""
    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, part in module.named_modules()
        if callable(listed := getattr(part, "no_weight_decay", None))
        for name in listed()
    }


class Schedule:
    """Linear warm-up and cosine annealing by the share of the training that is over.

    timm's scheduler counts in whole steps; here a training has a million of them, so that a length
    in minutes fits as well as one in epochs.
    """

    def __init__(self, optimizer: Optimizer, settings: TrainingSettings) -> None:
        self._optimizer = optimizer
        warmup = round(_TICKS * settings.warmup)
        self._scheduler = CosineLRScheduler(
            optimizer,
            t_initial=_TICKS - warmup,
            warmup_t=warmup,
            warmup_lr_init=_WARMUP_FROM * settings.learning_rate if warmup else 0.0,
            warmup_prefix=True,
            t_in_epochs=False,
        )

    def set(self, share: float) -> float:
        """Sets the learning rate for ``share`` in [0, 1] of the training, and returns it."""
        self._scheduler.step_update(round(_TICKS * share))
        rate: float = self._optimizer.param_groups[0]["lr"]
        return rate
