"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from nas_kd.data import DataSplits
from nas_kd.errors import NotFiniteError
from nas_kd.training.batches import epoch_batches, mixed_seed, read_batches
from nas_kd.training.capture import Capture
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.enough_memory import BatchSetting, require_memory
from nas_kd.training.evaluate import count_correct
from nas_kd.training.length import EpochLength, Length, TimeLength
from nas_kd.training.objective import Objective, not_finite
from nas_kd.training.optimisation import Schedule, make_optimizer
from nas_kd.training.processes import computing, first_says, same_buffers, total
from nas_kd.training.progress import Progress
from nas_kd.training.result import Standing
from nas_kd.training.settings import TrainingSettings
from nas_kd.training.step_memory import StepMemory, find_step_memory
from nas_kd.training.teaching import Teaching
from nas_kd.training.training_aids import Network, raise_drop_path

_CHECK_EVERY = 16
_VALIDATION_SHARE = 0.1


class Trainer:
    """Runs one training from where its checkpoint stands to its end.

    The order of the images, their augmentation and everything random in the network restart every
    epoch from a seed made of ``seed``, the epoch and the process, so that a checkpoint needs no
    random state and a resumed training equals an uninterrupted one.
    """

    def __init__(
        self,
        student: nn.Module,
        data: DataSplits,
        *,
        objective: Objective,
        teaching: Teaching | None,
        capture: Capture,
        settings: TrainingSettings,
        seed: int,
        accelerator: Accelerator,
        checkpoint: CheckpointFile | None,
        on_progress: Progress,
        note: Callable[[str], object],
    ) -> None:
        self.standing = Standing()
        self._student = student.to(accelerator.device)
        decay = settings.ema_decay
        self._average = None if decay is None else ModelEmaV3(student, decay, use_warmup=True)
        optimizer = make_optimizer(student, settings)
        self._schedule = Schedule(optimizer, settings)
        self._alone = Network(student, auxiliary=settings.auxiliary_weight > 0)
        self._network, self._optimizer = accelerator.prepare(self._alone, optimizer)
        self._data = data
        self._objective = objective
        self._teaching = teaching
        self._capture = capture
        self._settings = settings
        self._seed = seed
        self._accelerator = accelerator
        self._checkpoint = checkpoint
        self._on_progress = on_progress
        self._note = note
        self._length = self._make_length()
        self._step_seconds = 0.0
        self._validation_seconds = 0.0
        self._validated_at = 0.0

    @property
    def judged(self) -> nn.Module:
        """What is validated and returned: the student, or the moving average of its weights."""
        return self._student if self._average is None else self._average.module

    def run(self) -> None:
        """Trains to the end, validating and keeping a checkpoint after every epoch.

        Waiting until a measurement of latency is over takes nothing of a length in minutes.

        Raises:
            NasKdError: A step does not fit into the memory.
            NotFiniteError: The loss is no longer finite.
        """
        self._resume()
        if self.standing.is_over:
            return
        with computing(self._accelerator):
            self._require_memory()
        self._length.start(self.standing.seconds)
        with self._capture, self._teaching or nullcontext():
            if self._teaching is not None:
                self._pause(self._teaching.waited)
            self._validation_seconds = self._estimate_validation()
            while not self.standing.is_over:
                with computing(self._accelerator) as waited:
                    self._pause(waited)
                    self._run_epoch()
                self._report()

    def _pause(self, seconds: float) -> None:
        """Stops the clock for as long as the first process waited, which the others wait for."""
        self._length.paused(first_says((seconds,), self._accelerator)[0])

    def _require_memory(self) -> None:
        require_memory(
            self._find_step_memory,
            len(self._batches(0)[0]),
            self._accelerator,
            what="training",
            setting=BatchSetting(
                "batch_size (distill.batch_size in a recipe)", self._accelerator.num_processes
            ),
            note=self._note,
        )

    def _find_step_memory(self) -> StepMemory:
        def forward(images: int) -> object:
            black = torch.zeros(images, *self._data.input_shape, device=self._accelerator.device)
            return self._alone(black.contiguous(memory_format=torch.channels_last))

        return find_step_memory(forward, self._alone.train(), self._optimizer)

    def _make_length(self) -> Length:
        if self._settings.minutes is not None:
            return TimeLength(self._settings.minutes)
        return EpochLength(self._settings.epochs or 1, len(self._batches(0)))

    def _batches(self, epoch: int) -> list[Tensor]:
        return epoch_batches(
            len(self._data.train),
            self._settings.batch_size,
            seed=mixed_seed(self._seed, epoch),
            rank=self._accelerator.process_index,
            world=self._accelerator.num_processes,
        )

    def _run_epoch(self) -> None:
        record: dict[str, float] = {"epoch": self.standing.epoch + 1, **self._train_epoch()}
        self.standing.epoch += 1
        _, over = self._progress(0)
        if over or self._is_validation_due():
            record["validation_accuracy"] = self._validate()
            _, over = self._progress(0)
        self.standing.history.append(record)
        self.standing.is_over = over
        self.standing.seconds = self._length.seconds
        if self._checkpoint is not None and self._accelerator.is_main_process:
            self._checkpoint.save(self._state())

    def _train_epoch(self) -> dict[str, float]:
        """Trains on every image once, or until time is up; means of the losses, learning rate."""
        epoch = self.standing.epoch
        seed = mixed_seed(self._seed, epoch, self._accelerator.process_index)
        augmentation = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self._network.train()
        raise_drop_path(self._student, self._progress(0)[0])
        sums: dict[str, Tensor] = {}
        steps, rate = 0, 0.0
        workers = self._settings.workers
        with closing(read_batches(self._data.train, self._batches(epoch), workers)) as batches:
            for indices, images, targets in batches:
                share, over = self._progress(steps)
                if over and steps:
                    break
                began = time.monotonic()
                rate = self._schedule.set(share)
                for name, part in self._step(indices, images, targets, augmentation).items():
                    sums[name] = sums[name] + part if name in sums else part
                steps += 1
                if steps % _CHECK_EVERY == 0:
                    self._means(sums, steps)
                self._report(steps)
                self._step_seconds = time.monotonic() - began
        return {**self._means(sums, steps), "learning_rate": rate}

    def _step(
        self, indices: Tensor, images: Tensor, targets: Tensor, augmentation: torch.Generator
    ) -> dict[str, Tensor]:
        device = self._accelerator.device
        images, targets = images.to(device), targets.to(device)
        if self._data.augment is not None:
            images = self._data.augment(images, augmentation)
        images = images.contiguous(memory_format=torch.channels_last)
        logits, auxiliary = self._network(images)
        student = self._capture.outputs(logits)
        teacher = None if self._teaching is None else self._teaching.outputs(images, indices)
        loss, parts = self._objective(student, teacher, targets, auxiliary)
        self._optimizer.zero_grad()
        self._accelerator.backward(loss)
        if self._settings.gradient_clip is not None:
            self._accelerator.clip_grad_norm_(
                self._network.parameters(), self._settings.gradient_clip
            )
        self._optimizer.step()
        self.standing.step += 1
        if self._average is not None:
            self._average.update(self._student, step=self.standing.step)
        return parts

    def _progress(self, step: int) -> tuple[float, bool]:
        """Share of the training that is over, and whether to stop here."""
        epoch = self.standing.epoch
        reserve = self._step_seconds + self._validation_seconds
        share = self._length.share(epoch, step)
        over = self._length.is_over(epoch, reserve)
        if self._settings.minutes is not None:
            share, said = first_says((share, float(over)), self._accelerator)
            over = bool(said)
        return share, over

    def _means(self, sums: dict[str, Tensor], steps: int) -> dict[str, float]:
        """Means over the steps and processes.

        Raises:
            NotFiniteError: One of them is no longer finite.
        """
        stacked = self._accelerator.reduce(torch.stack(list(sums.values())), reduction="mean")
        means = dict(zip(sums, (stacked / steps).tolist(), strict=True))
        if names := not_finite(means):
            raise NotFiniteError(
                f"training: {', '.join(names)} is no longer finite in epoch "
                f"{self.standing.epoch + 1}. Lower the learning rate "
                f"({self._settings.learning_rate}) or the weights of the distillers, set "
                "gradient_clip, or train in full precision."
            )
        return means

    def _is_validation_due(self) -> bool:
        """Always with a length in epochs; with one in minutes, at most a tenth of the time."""
        if self._settings.minutes is None:
            return True
        since = self._length.seconds - self._validated_at
        due = _VALIDATION_SHARE * since >= self._validation_seconds
        return bool(first_says((float(due),), self._accelerator)[0])

    def _validate(self) -> float:
        began = time.monotonic()
        images, processes = self._data.validation, self._accelerator
        same_buffers(self.judged, processes)
        share = torch.arange(len(images))[processes.process_index :: processes.num_processes]
        right = total(count_correct(self.judged, images, share), processes)
        accuracy = right / max(1, len(images))
        self.standing.consider(accuracy, self.judged.state_dict())
        self._validation_seconds = time.monotonic() - began
        self._validated_at = self._length.seconds
        return accuracy

    def _estimate_validation(self) -> float:
        """Seconds of a validation, from one batch; a training in epochs need not know."""
        if self._settings.minutes is None:
            return 0.0
        size = len(self._data.validation)
        sample = torch.arange(min(size, 256))
        count_correct(self.judged, self._data.validation, sample)  # the first pass is slower
        began = time.monotonic()
        count_correct(self.judged, self._data.validation, sample)
        return (time.monotonic() - began) * size / max(1, len(sample))

    def _report(self, step: int = 0) -> None:
        if self._accelerator.is_main_process:
            done, units = self._length.done(self.standing.epoch, step)
            self._on_progress(done, units, self.standing.best())

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "standing": vars(self.standing),
            "student": self._student.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        if self._average is not None:
            state["average"] = self._average.module.state_dict()
        if (scaler := self._accelerator.scaler) is not None:
            state["scaler"] = scaler.state_dict()
        return state

    def _resume(self) -> None:
        state = None if self._checkpoint is None else self._checkpoint.load()
        if state is None:
            return
        self.standing = Standing(**state["standing"])
        self._student.load_state_dict(state["student"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._average is not None:
            self._average.module.load_state_dict(state["average"])
        if (scaler := self._accelerator.scaler) is not None:
            scaler.load_state_dict(state["scaler"])
