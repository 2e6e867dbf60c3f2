"""A pre-training by POA, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.data import DataSplits, load_data
from nas_kd.errors import UsageError
from nas_kd.training.elastic.sampling import elastic_deck
from nas_kd.training.elastic.session import Step
from nas_kd.training.elastic.start import elastic, make_supernet
from nas_kd.training.elastic.unlabelled import UnlabelledSession
from nas_kd.training.poa import terms
from nas_kd.training.poa.branches import Branches, Targets
from nas_kd.training.poa.crops import MultiCrop
from nas_kd.training.poa.ema_teacher import EmaTeacher
from nas_kd.training.poa.heads import PrototypeHeads
from nas_kd.training.poa.masking import draw_masks
from nas_kd.training.poa.optimisation import make_optimizer
from nas_kd.training.poa.published import PUBLISHED, ResolvedSettings, resolved
from nas_kd.training.poa.schedules import Moment, Schedules
from nas_kd.training.poa.sinkhorn import sinkhorn
from nas_kd.training.poa.students import Scored, Students
from nas_kd.training.poa.views import OfViews
from nas_kd.training.pretraining.method import Job
from nas_kd.training.restored_tensors import restored
from search_spaces.supernets.elastic import ElasticSupernet

LOCAL_SHARE = 96 / 224


class PoaSession(UnlabelledSession):
    """The three branches on unlabelled images; the teacher's supernet is the result."""

    def __init__(self, job: Job) -> None:
        data = load_data(job.data, seed=job.seed, image_size=job.image_size, labelled=False)
        self.settings = resolved(job.settings, job.space.name)
        students = _make_students(job, self.settings, data)
        batch = min(self.settings.batch_size, len(data.train))
        optimizer = make_optimizer(students, self.settings, batch)
        self._schedules = Schedules(optimizer, self.settings)
        unnormalised = data.train.normalised(None, None)
        super().__init__(job, unnormalised, Branches(students, self.settings), optimizer)
        self.data = _judging(job, data, students.backbone.task.image_size)
        self._students = students
        self._teacher = EmaTeacher(students)
        self._crops = _make_crops(self.settings, data, students)
        self._deck = elastic_deck(
            elastic(job.space),
            self.settings.size_scale,
            seed=job.seed,
            process=job.accelerator.process_index,
            by_depth_only=PUBLISHED[job.space.name].by_depth_only,
        )

    @property
    def backbone(self) -> ElasticSupernet:
        return self._teacher.model.backbone

    def step(self, step: Step) -> dict[str, Tensor]:
        moment = self._schedules.set(step.share)
        parts, scored = self._losses(step, moment)
        with self.optimising():
            self._accelerator.backward(parts["loss"])
        self._teacher.update(self._students, moment.momentum)
        agreement = torch.stack([terms.agreement(scores.whole) for scores in scored.views]).mean()
        return {name: part.detach() for name, part in parts.items()} | {"agreement": agreement}

    def forward(self, step: Step) -> object:
        with restored(list(self._teacher.model.buffers())):
            return self._losses(step, self._schedules.set(step.share))

    def clipped(self) -> Sequence[nn.Module]:
        return [self._students.backbone, self._students.heads]

    def state(self) -> dict[str, Any]:
        return {**super().state(), "teacher": self._teacher.model.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        self._teacher.model.load_state_dict(state["teacher"])

    def _losses(self, step: Step, moment: Moment) -> tuple[dict[str, Tensor], Scored]:
        """The parts of the loss, with its gradient, and what the teacher made of the views."""
        views = self._crops(step.images, step.generator)
        masks = self._masks(views, step.generator) if moment.patch_weight else None
        with self._accelerator.autocast():
            scored = self._score(views, masks)
        targets = self._targets(scored, moment)
        archs = self._deck.draw(step.number, self.settings.elastic_students)
        parts: dict[str, Tensor] = self.network(views, masks, archs, targets, moment.patch_weight)
        return parts, scored

    @torch.no_grad()
    def _score(self, views: OfViews, masks: Tensor | None) -> Scored:
        """What the teacher makes of the global views."""
        whole = replace(views, local=views.local[:0])
        largest = self._students.backbone.space.largest
        scored: Scored = self._teacher.model(whole, masks, largest, hide=False)
        return scored

    def _targets(self, scored: Scored, moment: Moment) -> Targets:
        balanced = [
            sinkhorn(scores.whole.flatten(0, 1), moment.temperature, self._accelerator)
            for scores in scored.views
        ]
        return Targets(
            views=[shares.unflatten(0, scored.pooled.shape[:2]) for shares in balanced],
            patches=[
                sinkhorn(scores, moment.temperature, self._accelerator) for scores in scored.patches
            ],
        )

    def _masks(self, views: OfViews, generator: torch.Generator) -> Tensor:
        settings = self.settings
        side = views.whole.shape[-1] // self._students.backbone.image_multiple
        masks = draw_masks(
            views.whole.shape[:2].numel(),
            (side, side),
            probability=settings.mask_probability,
            ratio=(settings.mask_least, settings.mask_most),
            generator=generator,
        )
        return masks.to(views.whole.device)


def _judging(job: Job, data: DataSplits, side: int) -> DataSplits:
    """The images of ``data`` at the size that networks take, where labels can judge them."""
    if side == data.input_shape[-1] or not data.num_classes:
        return data
    fitted = load_data(job.data, seed=job.seed, image_size=side, labelled=False)
    return fitted.normalised(data.mean, data.std)


def _make_students(job: Job, settings: ResolvedSettings, data: DataSplits) -> Students:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        backbone = make_supernet(
            job,
            data,
            num_classes=0,
            drop_path=settings.drop_path,
            scaled=settings.scaled,
            side=settings.view_size,
        )
        heads = PrototypeHeads(
            backbone.embedding_dim(backbone.space.largest),
            heads=settings.heads,
            prototypes=settings.prototypes,
            hidden=settings.head_hidden,
            bottleneck=settings.head_bottleneck,
            scaled=settings.scaled,
        )
    return Students(backbone, heads)


def _make_crops(settings: ResolvedSettings, data: DataSplits, students: Students) -> MultiCrop:
    side = students.backbone.task.image_size
    multiple = students.backbone.image_multiple
    fitting = max(1, round(side * LOCAL_SHARE / multiple)) * multiple
    if settings.local_size is not None and settings.local_size % multiple:
        raise UsageError(
            f"pretrain: local_size is {settings.local_size}; give a multiple of {multiple}, the "
            "side of a patch."
        )
    return MultiCrop(
        side=side,
        local_side=settings.local_size or fitting,
        local_views=settings.local_views,
        mean=data.mean,
        std=data.std,
        flip=data.mirrors if settings.flip is None else settings.flip,
    )
