"""`LabelledTexts`: labelled texts or pairs of texts, to be classified or scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nas_kd.errors import UsageError


@dataclass(frozen=True)
class TextExamples:
    """Texts with what is to be said about them.

    Attributes:
        texts: The texts, or the first of each pair.
        seconds: The second of each pair; None where texts stand alone.
        targets: Class numbers ``(N,)``, int64, or scores ``(N,)``, float32.
    """

    texts: tuple[str, ...]
    seconds: tuple[str, ...] | None
    targets: Tensor

    def __len__(self) -> int:
        return len(self.texts)

    def subset(self, indices: Sequence[int] | Tensor) -> TextExamples:
        """The examples at ``indices``, in that order."""
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        places = chosen.tolist()
        return TextExamples(
            tuple(self.texts[place] for place in places),
            None if self.seconds is None else tuple(self.seconds[place] for place in places),
            self.targets[chosen],
        )


@dataclass(frozen=True)
class LabelledTexts:
    """Training and validation examples of one task.

    Attributes:
        name: Short name for reports.
        train: What is learned from.
        validation: What it is judged on.
        classes: Names of the classes by number; empty where scores are to be predicted.

    Raises:
        UsageError: There are no examples, or a single class.
    """

    name: str
    train: TextExamples
    validation: TextExamples
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.classes) == 1:
            raise UsageError(
                f"data {self.name}: all labels are {self.classes[0]!r}; a task has at least two "
                "classes. Name another column, or add examples."
            )
        for role in ("train", "validation"):
            if not len(getattr(self, role)):
                raise UsageError(f"data {self.name}: there are no examples for {role}.")

    @property
    def is_regression(self) -> bool:
        """Whether scores are to be predicted instead of classes."""
        return not self.classes

    @property
    def outputs(self) -> int:
        """Numbers that a model gives for an example."""
        return len(self.classes) or 1
