"""The teachers that a search's settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor, nn

from nas_kd.data import DataSplits
from nas_kd.distill import Outputs
from nas_kd.errors import UsageError
from nas_kd.teachers import load_teacher
from nas_kd.training.darts.network import SearchNetwork, outputs_of
from nas_kd.training.darts.teacher_settings import TeacherSettings
from nas_kd.training.knowledge import knowledge_of
from nas_kd.training.processes import same_buffers
from nas_kd.training.teacher_grid import (
    CachedLogits,
    External,
    Mixed,
    MovingAverage,
    Provider,
    Schedule,
    Snapshots,
    TeacherGrid,
    Vote,
    make_signal,
)
from nas_kd.training.teaching import Teaching

if TYPE_CHECKING:  # the registry of methods imports this package
    from nas_kd.training.pretraining import Job


def make_teachers(
    job: Job, settings: TeacherSettings, network: SearchNetwork, data: DataSplits, *, steps: int
) -> TeacherGrid:
    """The point on the grid that the settings name.

    Args:
        job: Names the external teacher.
        settings: What is asked for.
        network: Whose past teaches.
        data: Its training images are those that train the weights.
        steps: Of an epoch.

    Raises:
        UsageError: An external teacher is asked for and none is given, or the other way round.
    """
    if ("external" in settings.sources) != (job.teacher is not None):
        raise UsageError(
            "teachers: an external teacher takes both: name it with --teacher, and let "
            "teacher_sources hold external, as in --set teacher_sources=snapshots+external."
        )
    every = max(1, round(settings.teacher_interval * steps))
    ring = {"capacity": settings.teachers, "every": every}

    def settle() -> None:
        same_buffers(network, job.accelerator)

    def run(past: nn.Module, images: Tensor) -> Outputs:
        with job.accelerator.autocast():  # in the precision in which the student runs
            return outputs_of(past, images)

    make: dict[str, Callable[[], Provider]] = {
        "snapshots": lambda: Snapshots(network, run, **ring, settle=settle),
        "cached": lambda: CachedLogits(
            len(data.train), data.num_classes, **ring, accelerator=job.accelerator
        ),
        "ema": lambda: MovingAverage(network, run, decay=settings.ema_decay, settle=settle),
        "external": lambda: _external(job, settings, data),
    }
    vote = Vote(settings.vote)
    return TeacherGrid(
        provider=Mixed([make[source]() for source in settings.sources]),
        vote=vote,
        signal=make_signal(settings.signal, vote, settings.teacher_temperature),
        schedule=Schedule(settings.teacher_weight, settings.teacher_start, settings.teacher_ramp),
        applied_to=settings.applied_to,
        least=settings.least_teachers,
    )


def _external(job: Job, settings: TeacherSettings, data: DataSplits) -> External:
    assert job.teacher is not None
    teacher = load_teacher(job.teacher, data=data, checkpoint=job.checkpoint, seed=job.seed)
    needs = {"logits"} if settings.signal == "logits" else {"logits", "features"}
    teaching = Teaching(
        teacher,
        data,
        needs=frozenset(needs),
        views=settings.teacher_views,
        accelerator=job.accelerator,
    ).__enter__()  # for as long as the search lives
    known = knowledge_of(teaching, data, job.accelerator)
    known.tell(data.num_classes, job.note)
    return External(teaching, loss=known.loss, weight=settings.external_votes)
