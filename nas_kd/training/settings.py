"""How a student is trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from nas_kd.errors import UsageError
from nas_kd.training.setting_checks import PRECISIONS, require_choice, require_number

DEFAULT_EPOCHS = 30
TEACHER_VIEWS = ("augmented", "clean")

_WHAT = "training"
_CHOICES = {
    "optimizer": ("sgd", "adamw"),
    "teacher_views": TEACHER_VIEWS,
    "precision": PRECISIONS,
    "init": ("auto", "teacher", "random"),
}


@dataclass(frozen=True)
class TrainingSettings:
    """Length, optimiser, schedule and losses of one training.

    Attributes:
        epochs: Passes over the training images; 30 when neither length is given.
        minutes: Instead of epochs: train for this long, validation included. The schedule then
            follows the clock, so two runs do the same only as far as the machine is equally fast.
        batch_size: Images per step, over all processes. The last, incomplete batch of an epoch is
            left out unless it is the only one; every epoch draws another order.
        optimizer: ``sgd`` (Nesterov, momentum 0.9) or ``adamw``.
        learning_rate: Peak; warmed up linearly over the share ``warmup`` and annealed by a cosine.
        weight_decay: On matrices and kernels; norms and biases have none, nor have the positions
            and class tokens of transformers.
        warmup: Share of the training, in [0, 1).
        label_smoothing: Of the cross-entropy with the labels, in [0, 1).
        temperature: T of the distillers that have one.
        ce_weight: Weight of the cross-entropy with the labels.
        auxiliary_weight: Weight of the same loss of an auxiliary head, where the student has one;
            0 leaves the head untrained.
        teacher_views: ``augmented``: the teacher sees what the student sees. ``clean``: its logits
            for every unaugmented training image are computed once and used for all views of it.
            A step then costs no teacher forward, but the targets fit the views less well; only for
            distillers that need nothing but logits.
        init: ``random``: the student starts as it was built. ``teacher``: it starts from the
            teacher's weights wherever the two have the same layers (`find_inheritance`). ``auto``:
            it does so where these are the first, the last and nine tenths of all its parameters.
            Images have to be normalised as the teacher's were.
        precision: ``no`` (float32), ``bf16`` or ``fp16`` autocast of the training step; validation
            is always in float32, as is the delivered student.
        gradient_clip: Largest norm of the gradient; None does not clip.
        ema_decay: Also keep a moving average of the weights with this decay, reached by a warm-up,
            and validate and return that average; None does not.
        workers: Processes that read images ahead; the results do not depend on it. 0 for images in
            memory.

    Raises:
        UsageError: A value is out of range, or both lengths are given.
    """

    epochs: int | None = None
    minutes: float | None = None
    batch_size: int = 128
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    warmup: float = 0.05
    label_smoothing: float = 0.0
    temperature: float = 4.0
    ce_weight: float = 1.0
    auxiliary_weight: float = 0.4
    teacher_views: str = "augmented"
    init: str = "auto"
    precision: str = "no"
    gradient_clip: float | None = 5.0
    ema_decay: float | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        if self.epochs is not None and self.minutes is not None:
            raise UsageError("training: give epochs or minutes, not both.")
        if self.epochs is None and self.minutes is None:
            object.__setattr__(self, "epochs", DEFAULT_EPOCHS)
        for name, choices in _CHOICES.items():
            require_choice(self, name, choices, what=_WHAT)
        require = partial(require_number, self, what=_WHAT)
        for name in ("epochs", "batch_size"):
            require(name, least=1)
        for name in ("minutes", "learning_rate", "temperature", "gradient_clip"):
            require(name, above=0)
        for name in ("weight_decay", "ce_weight", "auxiliary_weight", "workers"):
            require(name, least=0)
        for name in ("warmup", "label_smoothing", "ema_decay"):
            require(name, least=0, below=1)
