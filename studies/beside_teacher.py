"""A file's latency beside the teacher's, of which the limit may be a share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nas_kd.costs import LatencyRecord, measure_many
from nas_kd.machine_lock import machine_alone
from studies.setting import Setting
from studies.timing import Timing, decided, longest_ms


@dataclass(frozen=True)
class TeacherTiming(Timing):
    """A measured file, and the limit that holds beside its teacher.

    Attributes:
        teacher: The teacher's measurement, in the same processes.
    """

    teacher: LatencyRecord


def measure_beside_teacher(file: Path, setting: Setting) -> TeacherTiming:
    """A delivered file, measured in the same fresh processes as the teacher; see `decided`."""

    def measure() -> TeacherTiming:
        with machine_alone():
            teacher, latency = measure_many([setting.teacher_onnx, file], setting.profile)
        return _judged(setting, latency, teacher)

    return decided(measure)


def latency_violation(setting: Setting, record: LatencyRecord, teacher: LatencyRecord) -> float:
    """Relative excess of the median's upper confidence bound over the latency limit.

    -1, as for no latency at all, when the budget does not limit it.
    """
    return _judged(setting, record, teacher).violation


def _judged(setting: Setting, latency: LatencyRecord, teacher: LatencyRecord) -> TeacherTiming:
    longest = longest_ms(setting.budget, setting.teacher_facts, teacher)
    return TeacherTiming(latency, longest, teacher)
