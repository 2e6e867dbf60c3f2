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
from nas_kd.training.elastic.parts import Lesson as LessonInParts
from nas_kd.training.elastic.parts import (
    backward_in_parts,
    has_batch_norm,
    require_no_batch_norm,
)
from nas_kd.training.elastic.sampling import Deck
from nas_kd.training.elastic.saving import save_supernet
from nas_kd.training.elastic.session import EpochSession, Step
from nas_kd.training.elastic.start import elastic, make_supernet
from nas_kd.training.elastic.warm_start import EarlierRun
from nas_kd.training.idle_settings import refuse_idle
from nas_kd.training.inheritance import inherit
from nas_kd.training.knowledge import knowledge_of
from nas_kd.training.normalisation import as_the_teacher_sees, with_stated_normalisation
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
        if job.teacher is None:
            _require_lesson_without_teacher(settings)
        earlier = None if settings.start is None else EarlierRun.open(Path(settings.start))
        data = load_data(job.data, seed=job.seed, image_size=job.image_size)
        teacher = _load_teacher(job, data)
        self.settings = settings
        self.space = elastic(job.space)
        self.supernet = make_supernet(
            job,
            data,
            num_classes=data.num_classes,
            drop_path=settings.drop_path,
            scaled=_is_scaled(settings, earlier),
        )
        if settings.images_at_once is not None:
            require_no_batch_norm(self.supernet)
        self.inherited = 0.0
        if earlier is not None:
            data = earlier.same_normalisation(data)
            self.inherited = earlier.give_weights(self.supernet)
        elif teacher is not None:
            self.inherited = inherit(self.supernet.parent, teacher.model, settings.init)
            if self.inherited:
                data = as_the_teacher_sees(data, teacher)
        self.data = data
        optimizer = make_optimizer(self.supernet, settings.training())
        self._schedule = Schedule(optimizer, settings.training())
        lesson, model = Lesson(self.supernet, settings), None if teacher is None else teacher.model
        super().__init__(job, data.train, lesson, optimizer, teacher=model)
        self._deck = Deck(self._drawn(), seed=job.seed, process=0)
        self._teaching = _teaching(teacher, data, job)
        if self._teaching is not None:
            with self._teaching:
                known = knowledge_of(self._teaching, data, job.accelerator)
            known.tell(data.num_classes, job.note)

    @property
    def attended_tokens(self) -> int:
        return self.supernet.attended_tokens

    def run_unit(self) -> dict[str, float]:
        with self._teaching or nullcontext():
            return super().run_unit()

    def step(self, step: Step) -> dict[str, Tensor]:
        self._schedule.set(step.share)
        lesson, at_once = self._lesson(step), self.settings.images_at_once
        with self.optimising():
            return backward_in_parts(
                lesson, len(step.images), at_once, self.network, self._accelerator
            )

    def forward(self, step: Step) -> object:
        return self._lesson(step)(slice(None))

    def in_parts(self) -> bool:
        return not has_batch_norm(self.supernet)

    def _lesson(self, step: Step) -> LessonInParts:
        images = step.images
        if self.data.augment is not None:
            images = self.data.augment(images, step.generator)
        archs = self._archs(step.number)

        def lesson(part: slice) -> dict[str, Tensor]:
            logits = None
            if self._teaching is not None:
                logits = self._teaching.outputs(images[part], step.indices[part]).logits
            parts: dict[str, Tensor] = self.network(images[part], step.labels[part], archs, logits)
            return parts

        return lesson

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

    def _drawn(self) -> list[Arch]:
        """Networks that are drawn at random: under the sandwich rule not its two ends, which learn
        in every step anyway."""
        if self.settings.rule == "uniform":
            return list(self.space.enumerate())
        ends = (self.space.largest, self.space.smallest)
        return [arch for arch in self.space.enumerate() if arch not in ends]

    def _archs(self, step: int) -> list[Arch]:
        if self.settings.rule == "uniform":
            return self._deck.draw(step, 1)
        random = self._deck.draw(step, self.settings.random_students)
        return list(dict.fromkeys((self.space.largest, self.space.smallest, *random)))


def _load_teacher(job: Job, data: DataSplits) -> Teacher | None:
    """With the normalisation of ``data``, the data's own, where it states none."""
    if job.teacher is None:
        return None
    teacher = load_teacher(job.teacher, data=data, checkpoint=job.checkpoint, seed=job.seed)
    return with_stated_normalisation(teacher, data)


def _is_scaled(settings: SandwichSettings, earlier: EarlierRun | None) -> bool:
    if settings.scaled is None:
        return earlier is not None and earlier.scaled
    return settings.scaled


def _require_lesson_without_teacher(settings: SandwichSettings) -> None:
    """Raises `UsageError` for settings that need a teacher."""
    if settings.rule == "sandwich" and settings.learn_from == "teacher":
        raise UsageError(
            "pretrain: learn_from = teacher needs a teacher. Name --teacher, or set "
            "learn_from=largest."
        )
    if not settings.label_weight:
        raise UsageError(
            "pretrain: label_weight is 0 and there is no teacher, so that nothing is learned. "
            "Name --teacher, or give the labels a weight."
        )
    of_teacher = ["teacher_weight", "teacher_targets", "teacher_views"]
    if settings.init == "teacher":
        of_teacher.append("init")
    refuse_idle(settings, of_teacher, "there is no teacher; name --teacher, too")


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
