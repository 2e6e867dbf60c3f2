"""How a SuperLM is trained."""

from __future__ import annotations

from dataclasses import dataclass

from nas_kd.errors import UsageError
from nas_kd.training.language.settings import LoopSettings
from nas_kd.training.setting_checks import require_number


@dataclass(frozen=True)
class SuperLMSettings(LoopSettings):
    """AutoDistil's settings, but for ``sequences_at_once``, ``unit_steps`` and what is held out,
    which are ours.

    Attributes:
        distillers: What every student of a step imitates the teacher by: names of distillers of
            token states, separated by commas.
        relation_heads: Of the relation distillers; None takes the teacher's heads.
        interleaved: Whether a relation head takes every n-th channel (n is the number of relation
            heads) instead of neighbouring ones, as published: heads that students share then mean
            the same to all of them.
        teacher_layer: Of the teacher, counted from 1, for distillers that have a choice; None takes
            the last.
        random_students: How many random students a step trains, where the strategy trains any.
        depth: Which of the teacher's layers shallower students keep.
        importance: Which of the teacher's heads and channels of MLPs smaller students get: the
            leading ones with ``none``, which is AutoDistil's, else the most important by
            ``activation`` or ``gradient``.
        held_out: Share of the sequences that is kept from training to compare students on.
        held_out_limit: At most so many of them are used.

    Raises:
        UsageError: A value is out of range.
    """

    epochs: int = 15
    batch_size: int = 2048
    learning_rate: float = 4e-5
    warmup: float = 0.0
    unit_steps: int = 50
    distillers: str = "autodistil_mse"
    relation_heads: int | None = None
    interleaved: bool = False
    teacher_layer: int | None = None
    random_students: int = 2
    depth: str = "stride-floor"
    importance: str = "none"
    held_out: float = 0.02
    held_out_limit: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("random_students", "held_out_limit"):
            require_number(self, name, least=1, what="training")
        require_number(self, "held_out", above=0, below=1, what="training")
        if not self.distillers.strip():
            raise UsageError("training: distillers is empty; name one, such as autodistil_mse.")
