"""Which students of a SuperLM hold a limit on their latency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.costs.token_latency import at_length
from nas_kd.errors import NoFeasibleStudentError
from nas_kd.export.token_models import export_tokens
from nas_kd.training.superlm import RankedStudent, teacher_sizes
from search_spaces import Arch, TextTask, TransformerSpace
from search_spaces.supernets import student_like
from studies.observer import Observer
from studies.superlm.kept import Kept
from studies.timing import Timing, time_beside

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_PATIENCE = 24
"""After so many that are too slow, each further one halves what is left, towards fewer MACs."""


class LatencyLimit:
    """Measures students with ONNX Runtime beside their teacher, of which the limit may be a share.

    A second one in the same folder finds what the first one measured.

    Args:
        space: The students.
        teacher: Their teacher.
        task: What they are built for; latency counts for sequences of its length.
        budget: It limits latency.
        profile: Where it counts.
        margin: By which share of the limit a measured student has to stay below it.
        work: An existing folder for the measured files, and for how long they took.
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
        self._budget = budget
        self._profile = profile
        self._margin = margin
        self._work = work
        self._teacher = teacher
        self._teacher_file = export_tokens(teacher, task.length, work / "teacher.onnx")
        limits = ",".join(entry.text for entry in budget.entries)
        self._kept = Kept(work / "latencies.json", f"{of} {task.length} {profile} {limits}")

    def first_in_time(
        self, ranked: Sequence[RankedStudent], count: int, observer: Observer
    ) -> list[RankedStudent]:
        """The best ``count`` students that hold the limit, or as many as are found.

        They are measured in the order of ``ranked``. One that is in every size at least as large as
        one that was too slow is too slow, too, and is not measured. After `_PATIENCE` slow ones
        only the smaller are looked at, so that the smallest is reached before this gives up.

        Raises:
            NoFeasibleStudentError: None of them holds it.
        """
        observer.phase("measure", None)
        found: list[RankedStudent] = []
        slow: list[float] = []
        left = list(ranked)
        while left and len(found) < count:
            student = left.pop(0)
            timing = self._of_student(student.arch)
            if timing.holds(self._margin):
                found.append(student)
            else:
                slow.append(timing.latency.median_ms)
                left = self._not_larger(left, student)
                if len(slow) >= _PATIENCE:
                    left = _smaller_half(left)
            observer.advance(len(found) + len(slow), best=f"{len(found)} fast enough")
        if not found:
            raise NoFeasibleStudentError(
                f"budget: none of the {len(slow)} students that were measured at "
                f"{self._task.length} tokens, down to the smallest that was judged, holds the "
                f"latency limit (the fastest took {min(slow):.3g} ms). Raise it, or where not all "
                "students were judged limit macs, too, so that smaller ones are."
            )
        return found

    def of_file(self, onnx: Path) -> Timing:
        """That of a delivered student, whose file takes sequences of any length."""
        fixed = at_length(onnx, self._task.length, self._work / "delivered.onnx")
        return self._timed(fixed)

    def _not_larger(
        self, students: Sequence[RankedStudent], slow: RankedStudent
    ) -> list[RankedStudent]:
        """Without those that are in every size at least as large as the slow one."""
        shape = self._space.shape(slow.arch)
        return [one for one in students if not shape.within(self._space.shape(one.arch))]

    def _of_student(self, arch: Arch) -> Timing:
        """What is kept of it, or is found now."""
        if arch not in self._kept:
            self._kept.put({arch: self._measured(arch).to_dict()})
        return Timing.from_dict(self._kept[arch])

    def _measured(self, arch: Arch) -> Timing:
        """That of the untrained student: weights do not change how long it takes."""
        with torch.random.fork_rng(devices=[]):
            model = student_like(self._teacher, self._space.shape(arch))
        file = self._work / "student.onnx"
        return self._timed(export_tokens(model, self._task.length, file))

    def _timed(self, file: Path) -> Timing:
        costs = vars(teacher_sizes(self._space, self._task))
        return time_beside(file, self._teacher_file, costs, self._budget, self._profile)


def _smaller_half(students: Sequence[RankedStudent]) -> list[RankedStudent]:
    """Those with the fewest MACs, in their order."""
    ascending = sorted(students, key=lambda student: (student.macs, student.arch.key))
    smaller = set(ascending[: (len(students) + 1) // 2])
    return [student for student in students if student in smaller]
