"""The training loop of language models."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import Tensor, nn
from torch.optim import AdamW
from transformers import get_linear_schedule_with_warmup

from nas_kd.data.text import TokenSequences
from nas_kd.errors import NotFiniteError, UsageError
from nas_kd.training.attention_kernels import quick_attention
from nas_kd.training.batches import epoch_batches, mixed_seed
from nas_kd.training.language.dropout import dropping
from nas_kd.training.language.settings import LoopSettings
from nas_kd.training.objective import not_finite
from nas_kd.training.optimisation import weight_decay_groups
from nas_kd.training.processes import forked_rng, mean_gradients


@dataclass(frozen=True)
class Moment:
    """Where a training stands: ``step`` of ``steps`` steps are over."""

    step: int
    steps: int


Losses = Callable[[dict[str, Tensor], Tensor, Moment], Iterable[tuple[str, Tensor]]]
"""A batch ``(batch, token)``, the places of its sequences ``(batch,)`` and the moment to named
losses. Each is a mean over the batch and is backpropagated before the next one is asked for, so
that one graph lives at a time; the gradients add up."""


class LanguageLoop:
    """One training in progress; it advances in units of ``settings.unit_steps`` steps.

    In a distributed run every process computes its share of the batch, and the gradients are
    averaged once before each step: the module is not wrapped, so that a step may go through any
    parts of it any number of times, the same ones in all processes.

    The order of the sequences and everything random in the network restart with every epoch and
    unit from seeds made of ``seed`` and their number, so that a checkpoint needs no random state.

    Args:
        module: What is trained.
        sequences: What it reads.
        losses: What is minimised.
        settings: Length, batches, optimiser and schedule.
        seed: Of the order and of dropout.
        accelerator: The device and the processes.
        apart: Parts of ``module`` whose gradients are clipped each by itself, as those of networks
            that learn side by side; by default it is clipped as a whole.

    Raises:
        UsageError: There are fewer sequences than processes, or nothing to train.
    """

    def __init__(
        self,
        module: nn.Module,
        sequences: TokenSequences,
        losses: Losses,
        *,
        settings: LoopSettings,
        seed: int,
        accelerator: Accelerator,
        apart: Sequence[nn.Module] = (),
    ) -> None:
        if min(len(sequences), settings.batch_size) < accelerator.num_processes:
            raise UsageError(
                f"training: a batch of {settings.batch_size} out of {len(sequences)} sequences is "
                f"too small for {accelerator.num_processes} processes; raise batch_size, or give "
                "more text or fewer processes."
            )
        self.module = module.to(accelerator.device)
        self._sequences = sequences
        self._losses = losses
        self._settings = settings
        self._seed = seed
        self.accelerator = accelerator
        self._clipped = list(apart) or [module]
        self._kept_order: tuple[int, list[Tensor]] = (-1, [])
        self._epoch_steps = len(self._order(0))
        self._unit_steps = settings.unit_steps or self._epoch_steps
        groups = weight_decay_groups(module, settings.weight_decay)
        optimizer = AdamW(groups, lr=settings.learning_rate, fused=True)
        self._schedule = get_linear_schedule_with_warmup(
            optimizer, round(settings.warmup * self.steps), self.steps
        )
        # accelerator.prepare would keep the optimiser's state alive as long as the accelerator.
        self._optimizer = AcceleratedOptimizer(optimizer, scaler=accelerator.scaler)
        self._step = 0

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self._settings.epochs * self._epoch_steps

    @property
    def total(self) -> int:
        """Units in all."""
        return -(-self.steps // self._unit_steps)

    @property
    def units(self) -> int:
        """Units that are over."""
        return -(-self._step // self._unit_steps)

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and reports."""
        return bool(self.accelerator.is_main_process)

    def run_unit(self) -> dict[str, float]:
        """Trains one unit; the mean of every named loss over the steps that it occurred in.

        Raises:
            NotFiniteError: Some of them, which it names, are no longer finite.
        """
        seed = mixed_seed(self._seed, self.units, self.accelerator.process_index)
        until = min(self.steps, self._step + self._unit_steps)
        sums: defaultdict[str, Tensor] = defaultdict(lambda: torch.zeros((), dtype=torch.float64))
        counts: Counter[str] = Counter()
        dropout = self._settings.dropout
        with forked_rng(self.accelerator.device), dropping(self.module, dropout):
            torch.manual_seed(seed)
            self.module.train()
            while self._step < until:
                for name, value in self._run_step().items():
                    sums[name] = sums[name] + value.double()
                    counts[name] += 1
        self.module.eval()
        return self._means(sums, counts)

    def state(self) -> dict[str, Any]:
        """Weights, optimiser, schedule and step."""
        scaler = self.accelerator.scaler
        return {
            "module": self.module.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "step": self._step,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state` was taken."""
        self.module.load_state_dict(state["module"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        if (scaler := self.accelerator.scaler) is not None:
            scaler.load_state_dict(state["scaler"])
        self._step = state["step"]

    def _run_step(self) -> dict[str, Tensor]:
        """One step of the optimiser; the losses of its sequences by name."""
        epoch, place = divmod(self._step, self._epoch_steps)
        indices = self._order(epoch)[place]
        moment = Moment(self._step, self.steps)
        found: defaultdict[str, Tensor] = defaultdict(lambda: torch.zeros(()))
        for part in indices.tensor_split(self._settings.parts(len(indices))):
            share = len(part) / len(indices)
            batch = self._batch(part)
            with quick_attention(self.accelerator, tokens=batch["input_ids"].shape[1]):
                for name, loss in self._losses(batch, part, moment):
                    self.accelerator.backward(share * loss)
                    found[name] = found[name] + share * loss.detach().cpu()
        mean_gradients(self.module, self.accelerator)
        if (scaler := self.accelerator.scaler) is not None:
            scaler.unscale_(self._optimizer.optimizer)
        for clipped in self._clipped:
            nn.utils.clip_grad_norm_(clipped.parameters(), self._settings.gradient_clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._schedule.step()
        self._step += 1
        return found

    def _batch(self, indices: Tensor) -> dict[str, Tensor]:
        device = self.accelerator.device
        return {name: part.to(device) for name, part in self._sequences.batch(indices).items()}

    def _order(self, epoch: int) -> list[Tensor]:
        """This process's share of every batch of an epoch."""
        if self._kept_order[0] != epoch:
            batches = epoch_batches(
                len(self._sequences),
                self._settings.batch_size,
                seed=mixed_seed(self._seed, epoch),
                rank=self.accelerator.process_index,
                world=self.accelerator.num_processes,
                lengths=self._sequences.lengths if self._settings.group_by_length else None,
            )
            self._kept_order = epoch, batches
        return self._kept_order[1]

    def _means(self, sums: Mapping[str, Tensor], counts: Mapping[str, int]) -> dict[str, float]:
        values = torch.stack([sums[name] / counts[name] for name in sums]).float()
        reduced = self.accelerator.reduce(values.to(self.accelerator.device), reduction="mean")
        means = dict(zip(sums, reduced.tolist(), strict=True))
        if names := not_finite(means):
            raise NotFiniteError(
                f"training: {', '.join(names)} is no longer finite after step {self._step}.",
                f"Lower learning_rate ({self._settings.learning_rate}) or gradient_clip, or train "
                "in full precision.",
                losses=names,
            )
        return means
