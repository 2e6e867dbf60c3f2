"""The teacher's side of a training step."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Self

import torch
from accelerate import Accelerator
from torch import Tensor

from nas_kd.data import DataSplits
from nas_kd.distill import Outputs
from nas_kd.errors import UsageError
from nas_kd.teachers import Teacher
from nas_kd.training.capture import Capture
from nas_kd.training.clean_logits import clean_logits
from nas_kd.training.evaluate import device_of, eval_mode
from nas_kd.training.processes import computing


class Teaching(AbstractContextManager["Teaching"]):
    """Gives the teacher's outputs for the batches of a training, as long as the context lasts.

    The teacher runs in eval mode, without gradients, once per batch however many distillers there
    are. Where it was trained under another normalisation than the data's, its inputs are converted.
    With ``clean`` views its logits for the unaugmented training images are computed once, when the
    first context begins, and kept in ``logits_file`` for the next training with the same teacher
    and images.

    Attributes:
        teacher: Who teaches.

    Raises:
        UsageError: The teacher knows other classes than the data, or ``clean`` views are asked for
            although more than logits is needed.
    """

    def __init__(
        self,
        teacher: Teacher,
        data: DataSplits,
        *,
        needs: frozenset[str],
        views: str,
        accelerator: Accelerator,
        logits_file: Path | None = None,
    ) -> None:
        if teacher.num_classes != data.num_classes:
            raise UsageError(
                f"training: the teacher {teacher.name} knows {teacher.num_classes} classes and "
                f"{data.name} has {data.num_classes}; give a teacher of these classes."
            )
        require_views(views, needs)
        self.teacher, self._model = teacher, teacher.model
        self._data = data
        self._clean = views == "clean"
        self._logits_file = logits_file
        self._accelerator = accelerator
        self._normalise = _conversion(teacher, data)
        self._capture = Capture(
            teacher.model, features=teacher.features, head=teacher.head, needs=needs
        )
        self.waited = 0.0
        """Seconds for which the last context could not begin, as somebody measured latency."""
        self._logits: Tensor | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        home = device_of(self._model)
        self.waited = 0.0
        with ExitStack() as stack:
            self._model.to(self._accelerator.device)
            stack.callback(self._model.to, home)
            stack.enter_context(eval_mode(self._model))
            stack.enter_context(self._capture)
            if self._clean and self._logits is None:
                with computing(self._accelerator) as self.waited:
                    self._logits = self._all_logits()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def outputs(self, images: Tensor, indices: Tensor) -> Outputs:
        """For the batch ``images``, made of the training images at ``indices``."""
        if self._logits is not None:
            return Outputs(self._logits[indices].to(images.device))
        return self.run(images)

    @torch.no_grad()
    def run(self, images: Tensor) -> Outputs:
        """For any images ``(B, C, H, W)``, normalised as the data's."""
        if self._normalise is not None:
            scale, shift = (tensor.to(images) for tensor in self._normalise)
            images = images * scale + shift
        with self._accelerator.autocast():
            return self._capture.outputs(self._model(images))

    def _all_logits(self) -> Tensor:
        return clean_logits(
            len(self._data.train),
            self._logits_at,
            self._logits_file,
            writes=self._accelerator.is_main_process,
        )

    def _logits_at(self, indices: Tensor) -> Tensor:
        images, _ = self._data.train.batch(indices)
        images = images.to(self._accelerator.device, memory_format=torch.channels_last)
        return self.run(images).logits.float().cpu()


def require_views(views: str, needs: frozenset[str]) -> None:
    """Raises `UsageError` for ``clean`` views where more than the teacher's logits is needed."""
    if views == "clean" and needs - {"logits"}:
        raise UsageError(
            "training: teacher_views = 'clean' keeps nothing of the teacher but its logits, "
            f"and the distillers need {', '.join(sorted(needs))}. Use 'augmented'."
        )


def _conversion(teacher: Teacher, data: DataSplits) -> tuple[Tensor, Tensor] | None:
    """Scale and shift ``(C, 1, 1)`` to the teacher's normalisation; None where it is the data's."""
    if teacher.mean is None or teacher.std is None:
        return None
    theirs = (tuple(teacher.mean), tuple(teacher.std))
    ours = (tuple(data.mean), tuple(data.std))
    if theirs == ours:
        return None
    (new_mean, new_std), (old_mean, old_std) = (
        [torch.tensor(values).view(-1, 1, 1) for values in pair] for pair in (theirs, ours)
    )
    return old_std / new_std, (old_mean - new_mean) / new_std
