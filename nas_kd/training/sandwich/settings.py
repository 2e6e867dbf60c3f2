"""How an elastic supernet is trained with labels."""

from __future__ import annotations

from dataclasses import dataclass

from nas_kd.errors import UsageError
from nas_kd.training.idle_settings import refuse_idle
from nas_kd.training.setting_checks import require_choice, require_number
from nas_kd.training.settings import TrainingSettings

RULES = ("sandwich", "uniform")


@dataclass(frozen=True)
class SandwichSettings:
    """Length, rule, losses and optimiser; the optimiser's defaults are AutoFormer's.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images per step, over all processes.
        images_at_once: Most images that go through the networks at once, in each process; None
            takes those of a step all together. It decides the memory and, stochastic depth aside,
            not the result; networks with batch normalisation do not take it.
        epoch_images: Images of an epoch, another random part of them in each; None takes all. An
            epoch is what a checkpoint is kept after.
        rule: ``sandwich``: every step trains the largest network, the smallest and
            ``random_students`` others. ``uniform``: one random network a step, as AutoFormer does.
        random_students: See ``rule``; the largest and the smallest are not drawn once more.
        learn_from: From whom all but the largest network learn under the sandwich rule:
            ``largest`` (in-place distillation: they see neither labels nor teacher) or ``teacher``
            (from labels and teacher, as the largest does).
        label_weight: Of the cross-entropy with the labels.
        teacher_weight: Of the teacher, where there is one.
        teacher_targets: ``soft`` probabilities, or ``hard``, the class that it takes to be right.
        teacher_views: ``augmented``: the teacher sees what the students see. ``clean``: it sees
            each image once, at the start, unaugmented.
        temperature: Of all soft targets.
        label_smoothing: In [0, 1).
        scaled: Whether the weights of narrower students are scaled by the ratio of the widths;
            None does so where the run of ``start`` did.
        start: Directory of a finished pre-training of the same space, whose weights are taken, but
            for the classifier, and whose normalisation of the images.
        init: ``auto``, ``teacher`` or ``random``: whether the largest network starts from the
            teacher's weights, see `TrainingSettings`, and images are then normalised as the
            teacher's were; without effect where there is a ``start``.
        optimizer: ``adamw`` or ``sgd`` (Nesterov, momentum 0.9).
        learning_rate: Peak, for this batch size.
        weight_decay: On matrices and kernels; norms and biases have none, nor have the positions
            and class tokens of transformers.
        warmup: Share of the training, in [0, 1).
        gradient_clip: Largest norm of the gradient; None does not clip.
        drop_path: Rate of stochastic depth.
        precision: ``no`` (float32), ``bf16`` or ``fp16`` autocast.
        workers: Processes that read images ahead; the results do not depend on it.

    Raises:
        UsageError: A value is out of range.
    """

    epochs: int = 500
    batch_size: int = 1024
    images_at_once: int | None = None
    epoch_images: int | None = None
    rule: str = "sandwich"
    random_students: int = 2
    learn_from: str = "largest"
    label_weight: float = 1.0
    teacher_weight: float = 1.0
    teacher_targets: str = "soft"
    teacher_views: str = "augmented"
    temperature: float = 1.0
    label_smoothing: float = 0.1
    scaled: bool | None = None
    start: str | None = None
    init: str = "auto"
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 20 / 500
    gradient_clip: float | None = None
    drop_path: float = 0.1
    precision: str = "no"
    workers: int = 0

    def __post_init__(self) -> None:
        require_choice(self, "rule", RULES)
        require_choice(self, "learn_from", ("largest", "teacher"))
        require_choice(self, "teacher_targets", ("soft", "hard"))
        for name in ("images_at_once", "epoch_images"):
            require_number(self, name, least=1)
        require_number(self, "random_students", least=0)
        require_number(self, "teacher_weight", least=0)
        require_number(self, "drop_path", least=0, below=1)
        if not (self.label_weight or self.teacher_weight):
            raise UsageError(
                "pretrain: label_weight and teacher_weight are 0, so that nothing is learned. Give "
                "one of them a weight."
            )
        if self.rule == "uniform":
            alone = "rule=uniform trains one network a step"
            refuse_idle(self, ("learn_from", "random_students"), alone)
        if self.start is not None:
            refuse_idle(self, ("init",), "the weights are those of start")
        self.training()

    def training(self) -> TrainingSettings:
        """What of it the student trainer knows, too.

        Raises:
            UsageError: A value is out of range.
        """
        return TrainingSettings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            label_smoothing=self.label_smoothing,
            temperature=self.temperature,
            ce_weight=self.label_weight,
            teacher_views=self.teacher_views,
            init=self.init,
            precision=self.precision,
            gradient_clip=self.gradient_clip,
            workers=self.workers,
        )
