"""A trained teacher beside the supernet's own past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from nas_kd.training.darts.halves import Halves
from nas_kd.training.darts.session import SearchSession
from nas_kd.training.pretraining import Job
from nas_kd.training.teacher_grid import External, Mixed
from tests.training.darts.few_digits import few_digits, untrained_teacher


@pytest.mark.parametrize("views", ["augmented", "clean"])
def test_it_says_what_it_says_of_the_views_that_it_sees(
    make_job: Callable[..., Job], views: str
) -> None:
    settings: dict[str, Any] = {"teacher_sources": "external", "teacher_views": views}
    job = make_job("sd-darts", teacher_start=0.0, **settings)
    session = SearchSession(job)
    assert isinstance(session.teachers.provider, Mixed)
    (external,) = session.teachers.provider.providers
    assert isinstance(external, External)
    batch, _ = next(iter(session.batches()))
    (voice,) = external.voices(batch, session.network.outputs(batch.images))
    halves = Halves(few_digits(0), job.settings, job.seed, job.accelerator)
    clean, _ = halves.data.train.batch(batch.indices)
    assert not torch.equal(clean, batch.images)
    seen = clean if views == "clean" else batch.images
    torch.testing.assert_close(voice.outputs.logits, untrained_teacher().model(seen))


def test_what_it_knows_is_told(make_job: Callable[..., Job]) -> None:
    said: list[str] = []
    job = make_job("sd-darts", teacher_start=0.0, teacher_sources="external")
    SearchSession(replace(job, note=said.append))
    data, teacher = few_digits(0), untrained_teacher()
    images, labels = data.validation.batch(torch.arange(len(data.validation)))
    right = (teacher.model(images).argmax(1) == labels).float().mean()
    assert said[0] == f"The teacher is right on {right:.1%} of 96 validation images."
    assert said[1].startswith("WARNING: the teacher is right on")
