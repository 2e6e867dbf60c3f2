"""What the teacher of a supernet knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch.nn import functional as F

from nas_kd.data import DataSplits
from nas_kd.teachers import doubt
from nas_kd.training.processes import computing
from nas_kd.training.teaching import Teaching

_JUDGED = 1024
_BATCH = 256


@dataclass(frozen=True)
class Knowledge:
    """Of some validation images.

    Attributes:
        images: How many of them.
        accuracy: The share on which the teacher is right.
        loss: Its mean cross-entropy.
    """

    images: int
    accuracy: float
    loss: float

    def tell(self, classes: int, note: Callable[[str], object]) -> None:
        """The accuracy, and a warning where it is near to guessing."""
        note(f"The teacher is right on {self.accuracy:.1%} of {self.images} validation images.")
        if warning := doubt(self.accuracy, classes):
            note(warning)


def knowledge_of(teaching: Teaching, data: DataSplits, accelerator: Accelerator) -> Knowledge:
    """Judged on the first 1,024 validation images.

    Args:
        teaching: The teacher at work.
        data: Its validation images, normalised as those that it teaches on.
        accelerator: That of the teacher.
    """
    right, loss, indices = 0, 0.0, torch.arange(min(_JUDGED, len(data.validation)))
    with computing(accelerator):
        for part in indices.split(_BATCH):
            images, targets = data.validation.batch(part)
            logits = teaching.run(images.to(accelerator.device)).logits.float().cpu()
            right += int((logits.argmax(1) == targets).sum())
            loss += float(F.cross_entropy(logits, targets, reduction="sum"))
    return Knowledge(len(indices), right / len(indices), loss / len(indices))
