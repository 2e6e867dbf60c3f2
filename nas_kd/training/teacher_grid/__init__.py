"""Who teaches a student while it trains: providers, combiners, signals, and where they apply.

Self-distillations are points on this grid: voting snapshots (SD-DARTS), a moving average (MESA),
cached logits (SAF), a trained teacher, and mixes of them. The differentiable search trains with it.
"""

from __future__ import annotations

from nas_kd.training.teacher_grid.cached_logits import CachedLogits
from nas_kd.training.teacher_grid.combiner import VOTES, Vote
from nas_kd.training.teacher_grid.ema import MovingAverage
from nas_kd.training.teacher_grid.external import External
from nas_kd.training.teacher_grid.grid import TARGETS, TeacherGrid
from nas_kd.training.teacher_grid.mixed import Mixed
from nas_kd.training.teacher_grid.provider import Batch, Provider, Run, Voice
from nas_kd.training.teacher_grid.schedule import Schedule
from nas_kd.training.teacher_grid.signal import (
    SIGNALS,
    LogitSignal,
    RelationSignal,
    Signal,
    make_signal,
)
from nas_kd.training.teacher_grid.snapshots import Snapshot, Snapshots

__all__ = [
    "SIGNALS",
    "TARGETS",
    "VOTES",
    "Batch",
    "CachedLogits",
    "External",
    "LogitSignal",
    "Mixed",
    "MovingAverage",
    "Provider",
    "RelationSignal",
    "Run",
    "Schedule",
    "Signal",
    "Snapshot",
    "Snapshots",
    "TeacherGrid",
    "Voice",
    "Vote",
    "make_signal",
]
