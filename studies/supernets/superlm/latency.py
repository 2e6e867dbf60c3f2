"""Which students of a SuperLM hold a limit on their latency."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.costs.token_latency import at_length
from nas_kd.export.token_models import export_tokens
from nas_kd.training.superlm import teacher_sizes
from search_spaces import Arch, TextTask, TransformerSpace
from search_spaces.supernets import student_like
from studies.supernets.latency_limit import LatencyLimit
from studies.supernets.superlm.student_key import student_key
from studies.timing import Timing

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class TextLatencyLimit(LatencyLimit):
    """Measures students beside their teacher, of which the limit may be a share.

    Args:
        space: The students.
        teacher: Their teacher.
        task: What they are built for; latency counts for sequences of its length.
        budget: See `LatencyLimit`.
        profile: See there.
        margin: See there.
        work: See there.
        of: Tells the teacher and its students from others that were measured there.
    """

    def __init__(
        self,
        space: TransformerSpace,
        teacher: PreTrainedModel,
        task: TextTask,
        budget: Budget,
        profile: DeviceProfile,
        margin: float,
        work: Path,
        of: str,
    ) -> None:
        self._space = space
        self._task = task
        self._teacher = teacher
        whole = export_tokens(teacher, task.length, work / "teacher.onnx")
        costs = vars(teacher_sizes(space, task))
        super().__init__(whole, costs, budget, profile, margin, work, f"{of} {task.length}")

    def key(self, arch: Arch) -> str:
        return student_key(self._space, arch)

    def export(self, arch: Arch) -> Path:
        with torch.random.fork_rng(devices=[]):
            model = student_like(self._teacher, self._space.shape(arch))
        return export_tokens(model, self._task.length, self._work / "student.onnx")

    def contains(self, one: Arch, other: Arch) -> bool:
        return self._space.shape(other).within(self._space.shape(one))

    def none_holds(self, measured: int, fastest_ms: float) -> str:
        return (
            f"budget: none of the {measured} students that were measured at "
            f"{self._task.length} tokens, down to the smallest that was judged, holds the "
            f"latency limit (the fastest took {fastest_ms:.3g} ms). Raise it, or where not all "
            "students were judged limit macs, too, so that smaller ones are."
        )

    def of_file(self, onnx: Path) -> Timing:
        """That of a delivered student, whose file takes sequences of any length."""
        return self.judged(at_length(onnx, self._task.length, self._work / "delivered.onnx"))
