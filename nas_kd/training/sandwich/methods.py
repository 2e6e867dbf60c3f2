"""The sandwich rule as a method of pre-training."""

from __future__ import annotations

from nas_kd.training.elastic.restoring import restore_supernet
from nas_kd.training.pretraining.method import Job, Method, Session
from nas_kd.training.sandwich.settings import SandwichSettings


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
)
