"""The sandwich rule as a method of pre-training."""

from __future__ import annotations

from pathlib import Path

from nas_kd.training.elastic.restoring import restore_supernet
from nas_kd.training.pretraining.method import Job, Method, Session
from nas_kd.training.sandwich.settings import SandwichSettings


def _inputs(settings: SandwichSettings) -> dict[str, str]:
    """The run of ``start``: another one in the same directory is another start."""
    from nas_kd.training.elastic.warm_start import finished

    return {} if settings.start is None else {"start": finished(Path(settings.start)).identity()}


def _start(job: Job) -> Session:
    from nas_kd.training.sandwich.session import SandwichSession

    return SandwichSession(job)


SANDWICH = Method(
    name="sandwich",
    summary="with labels, and a teacher if there is one: the largest network teaches the others",
    source="Yu and Huang, US-Nets, ICCV 2019, arXiv 1903.05134",
    spaces=("elastic-vit", "elastic-swin", "elastic-resnet"),
    settings=SandwichSettings,
    start=_start,
    restore=restore_supernet,
    deviation="the largest and the smallest network are not drawn again as random ones; optimiser "
    "and length are AutoFormer's, without its mixup, cutmix, RandAugment and random erasing",
    inputs=_inputs,
)
