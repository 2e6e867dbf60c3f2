"""What comes out of a training."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class TrainingResult:
    """How a training went.

    Attributes:
        best_state: Weights of the epoch with the best validation accuracy, on the CPU.
        validation_accuracy: Of those weights, in [0, 1].
        test_accuracy: Of those weights, judged once at the end; None without test images.
        history: For each epoch its number, the means of ``loss`` and its parts (before their
            weights), the last learning rate, and the validation accuracy if it was judged then.
        seconds: Time of the training over all calls, validation included, the test not.
        epochs_run: Epochs begun.
        best_epoch: The epoch of ``best_state``, counted from 1.
        inherited_share: Share of the student's parameters that started as the teacher's.
    """

    best_state: dict[str, Tensor]
    validation_accuracy: float
    test_accuracy: float | None
    history: list[dict[str, float]]
    seconds: float
    epochs_run: int
    best_epoch: int
    inherited_share: float = 0.0

    @property
    def accuracy(self) -> float:
        """On the test images, or on the validation images where there are no test images."""
        return self.validation_accuracy if self.test_accuracy is None else self.test_accuracy


@dataclass
class Standing:
    """Where a training stands at the end of an epoch; with the weights, what a checkpoint holds.

    Attributes:
        epoch: Epochs begun and ended.
        step: Steps in all.
        seconds: Time so far.
        is_over: Whether the training has ended.
        best_state: Weights of the best epoch so far.
        best_accuracy: Their validation accuracy; -1 before the first one.
        best_epoch: That epoch.
        history: See `TrainingResult`.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    is_over: bool = False
    best_state: dict[str, Tensor] = field(default_factory=dict)
    best_accuracy: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    def consider(self, accuracy: float, state: dict[str, Tensor]) -> None:
        """Takes ``state`` as the best so far if nothing earlier is better; ties go to the later."""
        if accuracy >= self.best_accuracy:
            self.best_accuracy = accuracy
            self.best_epoch = self.epoch
            self.best_state = {name: value.detach().cpu().clone() for name, value in state.items()}

    def best(self) -> str:
        """The best result so far in words; empty before there is one."""
        return f"validation {self.best_accuracy:.2%}" if self.best_epoch else ""
