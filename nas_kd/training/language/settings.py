"""How a language model is trained, whatever it is trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from nas_kd.training.setting_checks import PRECISIONS, require_choice, require_number


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
        require_choice(self, "precision", PRECISIONS, what="training")
        require = partial(require_number, self, what="training")
        for name in ("epochs", "batch_size", "accumulate"):
            require(name, least=1)
        require("max_tokens", least=3)
        for name in ("sequences_at_once", "unit_steps", "weight_decay"):
            require(name, least=0)
        for name in ("learning_rate", "gradient_clip"):
            require(name, above=0)
        for name in ("warmup", "dropout"):
            require(name, least=0, below=1)

    def parts(self, sequences: int) -> int:
        """In how many parts so many sequences of a step go through the network."""
        at_once = self.sequences_at_once or sequences
        return min(sequences, max(self.accumulate, math.ceil(sequences / at_once)))
