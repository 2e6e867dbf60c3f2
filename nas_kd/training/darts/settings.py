"""How cells are searched for by gradients."""

from __future__ import annotations

from dataclasses import dataclass

from nas_kd.errors import UsageError
from nas_kd.training.darts.effect import require_effect
from nas_kd.training.darts.measured_profile import measured_profile
from nas_kd.training.darts.order import ORDERS
from nas_kd.training.darts.perturbation import PERTURBATIONS
from nas_kd.training.darts.regularisation import FIRST_STOP
from nas_kd.training.darts.relaxation import RELAXATIONS
from nas_kd.training.darts.teacher_settings import TeacherSettings
from nas_kd.training.idle_settings import refuse_idle
from nas_kd.training.setting_checks import require_choice, require_number

SELECTIONS = ("argmax", "perturbation")

_CHOICES = {
    "relaxation": tuple(RELAXATIONS),
    "perturbation": tuple(PERTURBATIONS),
    "order": tuple(ORDERS),
    "selection": SELECTIONS,
    "precision": ("no", "bf16"),
}
_LEAST = {
    "epochs": 1,
    "batch_size": 2,
    "learning_rate": 0,
    "last_learning_rate": 0,
    "weight_decay": 0,
    "alpha_learning_rate": 0,
    "alpha_weight_decay": 0,
    "alpha_start": 0,
    "partial": 1,
    "beta_slope": 0,
    "auxiliary_skip": 0,
    "selection_epochs": 0,
    "cost_weight": 0,
    "cost_limit": 0,
    "eigenvalue_every": 0,
    "judge_every": 1,
    "sharpness_radius": 0,
    "judged_images": 1,
    "workers": 0,
}


@dataclass(frozen=True)
class SearchSettings(TeacherSettings):
    """The parts of a search; every published method is a choice of them.

    The defaults are those of DARTS on its own space, first order. Half of the training images train
    the weights, the other half the architecture parameters.

    Attributes:
        epochs: Passes over the half that trains the weights.
        batch_size: Images per step of each of the two, over all processes.
        learning_rate: Of the weights' SGD (momentum 0.9), falling along a cosine by the epoch.
        last_learning_rate: Where it ends.
        nesterov: Whether the momentum is Nesterov's.
        weight_decay: Of the weights.
        gradient_clip: Largest norm of the weights' gradient; None does not clip.
        alpha_learning_rate: Of the architecture parameters' Adam (betas 0.5 and 0.999).
        alpha_weight_decay: Of the architecture parameters.
        alpha_start: Epochs before they are trained; fewer than ``epochs``, but for selection by
            perturbation, which may do without trained ones.
        relaxation: How they become weights of operations: ``softmax``, ``gumbel``, ``gdas`` or
            ``dirichlet``. Where weights are drawn, the own past teaches by those that are expected,
            which no step has run.
        partial: A channel in so many goes through the operations; above 1 edges compete, too.
        perturbation: Of the weights of operations in the steps of w: ``none``, ``random`` or
            ``adversarial``; its radius grows with every step, published with every epoch.
        beta_slope: By how much the weight of beta-DARTS's regulariser grows in an epoch, from zero;
            published is 0.5. It grows with every step, published with every epoch.
        auxiliary_skip: Weight of DARTS-'s skip beside every edge at the start, falling to zero with
            every step, published with every epoch.
        order: ``first`` or ``second``.
        selection: ``argmax``, or ``perturbation``: after the epochs, edge by edge, the operation
            that is missed most.
        selection_epochs: Epochs of tuning after each of those decisions; published are 5 on
            NAS-Bench-201 and 10 on the DARTS space.
        keep_none: Whether an edge of a found cell may be ``none``, as on NAS-Bench-201; DARTS's own
            rule takes the strongest other operation, and always does so on its own space.
        early_stop: Whether a rise of the dominant eigenvalue ends the search and brings back an
            earlier cell; it needs ``eigenvalue_every=1`` and arg-max, and never stops before 17
            epochs.
        cost_weight: Weight of the expected cost in the loss of the architecture parameters.
        cost_limit: Share of the costliest cell's cost, at most 1, up to which nothing is charged.
        macs_limit: Most MACs of the network in which the cell is delivered, one image at a time; no
            cell beyond it is found, and with ``cost_weight`` nothing is charged up to it. It stands
            in place of ``cost_limit``. None allows any.
        cost_table: What is charged: ``measured:DEVICE``, as ``measured:cpu-1t``, measures every
            operation on that device, everything else is a JSON file (`cost_table`); None charges
            MACs.
        eigenvalue_every: Epochs between two looks at the Hessian of alpha; 0 never looks.
        judge_every: Epochs between two looks at supernet and cell on validation images; the last
            one is always looked at.
        sharpness_radius: Length of the step by which sharpness is measured.
        judged_images: At most so many validation images are looked at.
        precision: ``no`` (float32) or ``bf16`` autocast of the steps.
        workers: Processes that read images ahead; the results do not depend on it.

    Raises:
        UsageError: A value is out of range, two exclude each other, or ``cost_table`` names no
            device.
    """

    epochs: int = 50
    batch_size: int = 64
    learning_rate: float = 0.025
    last_learning_rate: float = 0.001
    nesterov: bool = False
    weight_decay: float = 3e-4
    gradient_clip: float | None = 5.0
    alpha_learning_rate: float = 3e-4
    alpha_weight_decay: float = 1e-3
    alpha_start: int = 0
    relaxation: str = "softmax"
    partial: int = 1
    perturbation: str = "none"
    beta_slope: float = 0.0
    auxiliary_skip: float = 0.0
    order: str = "first"
    selection: str = "argmax"
    selection_epochs: int = 1
    keep_none: bool = True
    early_stop: bool = False
    cost_weight: float = 0.0
    cost_limit: float = 0.0
    macs_limit: float | None = None
    cost_table: str | None = None
    eigenvalue_every: int = 0
    judge_every: int = 1
    sharpness_radius: float = 0.05
    judged_images: int = 2000
    precision: str = "no"
    workers: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, choices in _CHOICES.items():
            require_choice(self, name, choices, what="darts")
        for name, least in _LEAST.items():
            require_number(self, name, least=least, what="darts")
        for name in ("gradient_clip", "macs_limit"):
            require_number(self, name, above=0, what="darts")
        if self.cost_limit > 1:
            raise UsageError(
                f"darts: cost_limit is {self.cost_limit}; it is a share of the costliest cell's "
                "cost, so give at most 1."
            )
        if self.early_stop and (self.eigenvalue_every != 1 or self.epochs < FIRST_STOP):
            raise UsageError(
                "darts: early_stop looks at the dominant eigenvalue of every epoch, and stops "
                f"after {FIRST_STOP} or more; set eigenvalue_every=1, and epochs as large."
            )
        if self.early_stop and self.selection == "perturbation":
            raise UsageError(
                "darts: an early stop goes back to the cell of an earlier epoch, and "
                "selection=perturbation decides in the network of the last one. Leave one out."
            )
        if self.macs_limit is not None:
            self._require_holdable()
        if not self.cost_weight:
            refuse_idle(self, ("cost_table", "cost_limit"), "cost_weight is 0; set it, too")
        if self.selection == "argmax":
            refuse_idle(self, ("selection_epochs",), "selection by argmax decides at once")
        require_effect(self)
        measured_profile(self.cost_table)

    def _require_holdable(self) -> None:
        """That nothing stands against ``macs_limit``."""
        against = {
            "selection=perturbation decides edge by edge": self.selection == "perturbation",
            "cost_table prices something else": self.cost_table is not None,
            "cost_limit says otherwise what is free": self.cost_limit > 0,
        }
        for reason in (reason for reason, holds in against.items() if holds):
            raise UsageError(
                f"darts: macs_limit (--budget) is held by counting MACs, and {reason}. Leave one "
                "of the two out."
            )
