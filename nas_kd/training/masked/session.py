"""A pre-training of vision transformers by a masked autoencoder, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from timm.optim import param_groups_weight_decay
from torch import Tensor
from torch.optim import AdamW

from nas_kd.data import load_data
from nas_kd.errors import UsageError
from nas_kd.training.elastic.parts import Lesson, backward_in_parts
from nas_kd.training.elastic.random_crops import Draws, random_crop
from nas_kd.training.elastic.sampling import elastic_deck
from nas_kd.training.elastic.session import Step
from nas_kd.training.elastic.start import elastic, make_supernet
from nas_kd.training.elastic.unlabelled import UnlabelledSession
from nas_kd.training.masked.hiding import hide_patches, visible_patches
from nas_kd.training.masked.lessons import MaskedLesson
from nas_kd.training.masked.settings import MaskedSettings
from nas_kd.training.masked.teacher import MaeTeacher, load_mae
from nas_kd.training.optimisation import Schedule
from nas_kd.training.pretraining.method import Job
from nas_kd.training.settings import TrainingSettings

if TYPE_CHECKING:
    from search_spaces.supernets.elastic_vit import ElasticVitSupernet

CROP = (0.2, 1.0)
BETAS = (0.9, 0.95)
REFERENCE_BATCH = 256

MakeLesson = Callable[["ElasticVitSupernet", Any, MaeTeacher | None], MaskedLesson]


class MaskedSession(UnlabelledSession):
    """Students that see a quarter of the patches, and the teacher, if there is one, the same.

    Deviations from MAE's training (He et al., CVPR 2022): the students' positions are learned, from
    timm's random start, where MAE's are fixed sines and cosines, as the decoder's are here, too;
    the warm-up begins at a tenth of the peak rate instead of 0.

    Args:
        job: Its settings are `MaskedSettings`.
        make_lesson: What they learn, from the supernet, the settings and the teacher.
    """

    def __init__(self, job: Job, make_lesson: MakeLesson) -> None:
        settings: MaskedSettings = job.settings
        data = load_data(job.data, seed=job.seed, image_size=job.image_size, labelled=False)
        self.settings = settings
        self._supernet: ElasticVitSupernet = make_supernet(  # type: ignore[assignment]
            job, data, num_classes=0, drop_path=0.0, scaled=settings.scaled
        )
        patch = self._supernet.image_multiple
        _require_visible(settings, (data.input_shape[-1] // patch) ** 2)
        if job.checkpoint is not None:
            raise UsageError(
                "pretrain: --checkpoint is not read here; --teacher hf:FOLDER brings its weights."
            )
        self._teacher = None if job.teacher is None else load_mae(job.teacher, data, patch)
        if self._teacher is not None and self._teacher.mean and self._teacher.std:
            data = data.normalised(self._teacher.mean, self._teacher.std)
        self.data = data
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            lesson = make_lesson(self._supernet, settings, self._teacher)
        rates = _rates(settings, len(data.train))
        optimizer = AdamW(
            param_groups_weight_decay(lesson, settings.weight_decay),
            lr=rates.learning_rate,
            betas=BETAS,
        )
        self._schedule = Schedule(optimizer, rates)
        super().__init__(job, data.train, lesson, optimizer, teacher=self._teacher)
        self._lesson = lesson
        if self._teacher is not None:
            self._teacher.to(job.accelerator.device)
        space = elastic(job.space)
        self._largest = space.largest
        process = job.accelerator.process_index
        self._deck = elastic_deck(space, settings.size_scale, seed=job.seed, process=process)

    @property
    def backbone(self) -> ElasticVitSupernet:
        return self._supernet

    def step(self, step: Step) -> dict[str, Tensor]:
        self._schedule.set(step.share)
        part_of, at_once = self._part_of(step), self.settings.images_at_once
        with self.optimising():
            return backward_in_parts(
                part_of, len(step.images), at_once, self.network, self._accelerator
            )

    def forward(self, step: Step) -> object:
        return self._part_of(step)(slice(None))

    def in_parts(self) -> bool:
        return True

    def _part_of(self, step: Step) -> Lesson:
        images = self._augmented(step)
        side = images.shape[-1] // self._supernet.image_multiple
        noise = torch.rand(len(images), side**2, generator=step.generator).to(images.device)
        archs = [self._largest, *self._deck.draw(step.number, self.settings.elastic_students)]

        def lesson(part: slice) -> dict[str, Tensor]:
            hiding = hide_patches(noise[part], self.settings.mask_ratio)
            taught = None
            if self._teacher is not None:
                with self._accelerator.autocast():
                    taught = self._lesson.teach(self._teacher, images[part], hiding)
            parts: dict[str, Tensor] = self.network(images[part], hiding, archs, taught)
            return parts

        return lesson

    def _augmented(self, step: Step) -> Tensor:
        flip = self.data.mirrors if self.settings.flip is None else self.settings.flip
        draws = Draws(len(step.images), step.images.device, step.generator)
        return random_crop(step.images, CROP, step.images.shape[-1], draws, flip=flip)


def _require_visible(settings: MaskedSettings, patches: int) -> None:
    """Raises `UsageError` where all patches would be hidden."""
    if visible_patches(patches, settings.mask_ratio) < 1:
        raise UsageError(
            f"pretrain: mask_ratio is {settings.mask_ratio}, which hides all of {patches} patches. "
            "Lower it, or give smaller patches (--space-option patch_size=N)."
        )


def _rates(settings: MaskedSettings, images: int) -> TrainingSettings:
    """The schedule in the words of the student trainer."""
    batch = min(settings.batch_size, images)
    return TrainingSettings(
        epochs=settings.epochs,
        learning_rate=settings.learning_rate * batch / REFERENCE_BATCH,
        warmup=settings.warmup,
    )
