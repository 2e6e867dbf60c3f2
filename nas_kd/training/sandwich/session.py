"""A training of an elastic supernet with labels, epoch by epoch."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from torch import Tensor

from nas_kd.data import DataSplits, load_data
from nas_kd.errors import UsageError
from nas_kd.teachers import Teacher, load_teacher
from nas_kd.training.elastic.judging import accuracy
from nas_kd.training.elastic.sampling import Deck
from nas_kd.training.elastic.saving import save_supernet
from nas_kd.training.elastic.session import EpochSession, Step
from nas_kd.training.elastic.start import elastic, make_supernet
from nas_kd.training.elastic.warm_start import take_weights
from nas_kd.training.inheritance import inherit
from nas_kd.training.optimisation import Schedule, make_optimizer
from nas_kd.training.pretraining.method import Job
from nas_kd.training.sandwich.lesson import Lesson
from nas_kd.training.sandwich.settings import SandwichSettings
from nas_kd.training.teaching import Teaching
from search_spaces import Arch


class SandwichSession(EpochSession):
    """All networks of a space on labelled images, with or without a teacher.

    All processes train the same networks in a step.
    """

    def __init__(self, job: Job) -> None:
        settings: SandwichSettings = job.settings
        data = load_data(job.data, seed=job.seed, image_size=job.image_size)
        teacher = _load_teacher(job, data)
        if teacher is None and settings.rule == "sandwich" and settings.learn_from == "teacher":
            raise UsageError(
                "pretrain: learn_from = teacher needs a teacher. Name --teacher, or set "
                "learn_from=largest."
            )
        self.settings = settings
        self.data = data
        self.space = elastic(job.space)
        self.supernet = make_supernet(
            job,
            data,
            num_classes=data.num_classes,
            drop_path=settings.drop_path,
            scaled=settings.scaled,
        )
        self.inherited = _warm_start(self, job, teacher)
        optimizer = make_optimizer(self.supernet, settings.training())
        self._schedule = Schedule(optimizer, settings.training())
        super().__init__(job, data.train, Lesson(self.supernet, settings), optimizer)
        self._deck = Deck(list(self.space.enumerate()), seed=job.seed, process=0)
        self._teaching = _teaching(teacher, data, job)

    def run_unit(self) -> dict[str, float]:
        with self._teaching or nullcontext():
            return super().run_unit()

    def step(self, step: Step) -> dict[str, Tensor]:
        self._schedule.set(step.share)
        images = step.images
        if self.data.augment is not None:
            images = self.data.augment(images, step.generator)
        taught = None if self._teaching is None else self._teaching.outputs(images, step.indices)
        logits = None if taught is None else taught.logits
        parts: dict[str, Tensor] = self.network(
            images, step.labels, self._archs(step.number), logits
        )
        self.optimise(parts["loss"])
        return {name: part.detach() for name, part in parts.items()}

    def finish_epoch(self) -> dict[str, float]:
        return {
            f"validation_{name}": accuracy(self.supernet, arch, self.data)
            for name, arch in (("largest", self.space.largest), ("smallest", self.space.smallest))
        }

    def best(self) -> str:
        if not self.last:
            return ""
        largest, smallest = (self.last[f"validation_{end}"] for end in ("largest", "smallest"))
        return f"validation {largest:.2%} (largest), {smallest:.2%} (smallest)"

    def save(self, folder: Path) -> dict[str, Any]:
        judged = {name: value for name, value in self.last.items() if name.startswith("validation")}
        return {
            **save_supernet(folder, self.supernet, self.data),
            **judged,
            "inherited_share": self.inherited,
        }

    def _archs(self, step: int) -> list[Arch]:
        if self.settings.rule == "uniform":
            return self._deck.draw(step, 1)
        random = self._deck.draw(step, self.settings.random_students)
        return [self.space.largest, self.space.smallest, *random]


def _load_teacher(job: Job, data: DataSplits) -> Teacher | None:
    if job.teacher is None:
        return None
    return load_teacher(job.teacher, data=data, checkpoint=job.checkpoint, seed=job.seed)


def _warm_start(session: SandwichSession, job: Job, teacher: Teacher | None) -> float:
    """Share of the parameters that are taken from an earlier pre-training or the teacher."""
    if session.settings.start is not None:
        return take_weights(session.supernet, Path(session.settings.start))
    if teacher is None:
        return 0.0
    return inherit(session.supernet.parent, teacher.model, session.settings.init)


def _teaching(teacher: Teacher | None, data: DataSplits, job: Job) -> Teaching | None:
    if teacher is None:
        return None
    return Teaching(
        teacher,
        data,
        needs=frozenset({"logits"}),
        views=job.settings.teacher_views,
        accelerator=job.accelerator,
    )
