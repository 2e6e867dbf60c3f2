"""How a language model is trained, whatever it is trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nas_kd.errors import UsageError

_PRECISIONS = ("no", "fp16", "bf16")


@dataclass(frozen=True)
class LoopSettings:
    """Length, batches, optimiser and schedule: AdamW with a linear warm-up and a linear decay.

    Attributes:
        epochs: Passes over the training sequences.
        batch_size: Sequences per step, over all processes. What does not fill a batch waits for
            the next epoch, in its new order.
        accumulate: Parts in which the sequences of a step go through the network one after the
            other, to save memory; there are more where ``sequences_at_once`` asks for them.
        sequences_at_once: Most sequences that go through the network at once, in each process; 0
            takes those of a step all together. Dropout aside, the result does not depend on it.
        group_by_length: Whether batches are made of sequences of like length, which saves padding.
        max_tokens: Tokens of the longest sequence, special ones included.
        learning_rate: Peak.
        weight_decay: On matrices; norms and biases have none.
        warmup: Share of the steps, in [0, 1).
        gradient_clip: Largest norm of the gradient.
        dropout: Share that every dropout layer drops in training, in [0, 1); None keeps what the
            network was made with. Students that imitate little text come nearer without any.
        unit_steps: Steps from one checkpoint to the next; 0 makes an epoch one unit.
        precision: ``no`` (float32), ``bf16`` or ``fp16`` autocast of the training step.

    Raises:
        UsageError: A value is out of range.
    """

    epochs: int = 3
    batch_size: int = 32
    accumulate: int = 1
    sequences_at_once: int = 32
    group_by_length: bool = True
    max_tokens: int = 128
    learning_rate: float = 2e-5
    weight_decay: float = 0.01
    warmup: float = 0.1
    gradient_clip: float = 1.0
    dropout: float | None = None
    unit_steps: int = 0
    precision: str = "no"

    def __post_init__(self) -> None:
        if self.precision not in _PRECISIONS:
            raise UsageError(
                f"training: precision is {self.precision!r}; choose one of "
                f"{', '.join(_PRECISIONS)}."
            )
        for name in ("epochs", "batch_size", "accumulate"):
            self._require(name, 1)
        self._require("sequences_at_once", 0)
        self._require("max_tokens", 3)
        self._require("unit_steps", 0)
        self._require("learning_rate", 0, above=True)
        self._require("weight_decay", 0)
        self._require("warmup", 0, below=1)
        self._require("gradient_clip", 0, above=True)
        if self.dropout is not None:
            self._require("dropout", 0, below=1)

    def parts(self, sequences: int) -> int:
        """In how many parts so many sequences of a step go through the network."""
        at_once = self.sequences_at_once or sequences
        return min(sequences, max(self.accumulate, math.ceil(sequences / at_once)))

    def _require(
        self, name: str, least: float, *, above: bool = False, below: float = math.inf
    ) -> None:
        value = getattr(self, name)
        fits = least < value if above else least <= value
        if not (fits and value < below):
            limits = f"{'above' if above else 'at least'} {least}"
            if below < math.inf:
                limits += f" and below {below}"
            raise UsageError(f"training: {name} is {value}; give a number {limits}.")
