"""A step whose images go through the network in parts has the gradients of one that does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from nas_kd.training.elastic.session import EpochSession
from nas_kd.training.masked.lessons import DmaeLesson, G2sdLesson
from nas_kd.training.masked.session import MaskedSession
from nas_kd.training.masked.settings import DmaeSettings, G2sdSettings
from nas_kd.training.sandwich.session import SandwichSession
from nas_kd.training.sandwich.settings import SandwichSettings
from tests.training.elastic.jobs import make_job
from tests.training.many_processes import report_of_two_processes
from tests.training.masked.autoencoder import saved_autoencoder

ONE_STEP: dict[str, Any] = {"epochs": 1, "batch_size": 32, "epoch_images": 32, "gradient_clip": 1.0}
DECODER = {"decoder_width": 16, "decoder_depth": 1, "decoder_heads": 2}


def linear_teacher(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))


def _sandwich(_: Path, space: str, **changes: Any) -> EpochSession:
    settings = SandwichSettings(**ONE_STEP, drop_path=0.0, random_students=1, **changes)
    return SandwichSession(make_job(settings, space, teacher=f"{__name__}:linear_teacher"))


def _of_vit(folder: Path, **changes: Any) -> EpochSession:
    return _sandwich(folder, "elastic-vit", **changes)


def _of_swin(folder: Path, **changes: Any) -> EpochSession:
    return _sandwich(folder, "elastic-swin", learn_from="teacher", **changes)


def _of_resnet(folder: Path, **changes: Any) -> EpochSession:
    return _sandwich(folder, "elastic-resnet", **changes)


def _dmae(folder: Path, **changes: Any) -> EpochSession:
    settings = DmaeSettings(**ONE_STEP, **DECODER, **changes)
    return MaskedSession(make_job(settings, teacher=saved_autoencoder(folder)), DmaeLesson)


def _g2sd(folder: Path, **changes: Any) -> EpochSession:
    settings = G2sdSettings(**ONE_STEP, **DECODER, teacher_block=2, **changes)
    return MaskedSession(make_job(settings, teacher=saved_autoencoder(folder)), G2sdLesson)


def _one_step(training: EpochSession) -> tuple[dict[str, float], dict[str, Tensor], list[int]]:
    """Its metrics, its gradients by name, and how many images went through at once."""
    sizes: list[int] = []
    training._fits = True  # what a step takes of the memory is found with forwards, too
    training._raw.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    metrics = training.run_unit()
    gradients = {
        name: part.grad for name, part in training._raw.named_parameters() if part.grad is not None
    }
    return metrics, gradients, sizes


@pytest.mark.parametrize("make", [_of_vit, _of_swin, _of_resnet, _dmae, _g2sd])
def test_parts_add_up_to_the_whole(make: Callable[..., EpochSession], tmp_path: Path) -> None:
    whole, gradients, at_once = _one_step(make(tmp_path))
    parts, summed, sizes = _one_step(make(tmp_path, images_at_once=12))
    assert (at_once, sizes) == ([32], [10, 11, 11])
    assert parts["loss"] == pytest.approx(whole["loss"], rel=1e-5)
    assert gradients.keys() == summed.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(summed[name], gradient, rtol=1e-3, atol=1e-6)


def test_processes_exchange_the_gradients_of_all_parts(tmp_path: Path) -> None:
    report = report_of_two_processes("tests.training.elastic.two_processes", tmp_path)
    assert report["alike"]
    torch.testing.assert_close(report["parts"], report["whole"], rtol=1e-3, atol=1e-6)


def test_batch_norm_needs_all_images_of_a_step() -> None:
    settings = SandwichSettings(**ONE_STEP, images_at_once=8)
    job = make_job(settings, "elastic-resnet", options={"group_norm": 0})
    with pytest.raises(UsageError, match="images_at_once does not go with batch normalisation"):
        SandwichSession(job)


@pytest.mark.parametrize("kind", [SandwichSettings, DmaeSettings])
def test_no_images_at_once_are_too_few(kind: type) -> None:
    with pytest.raises(UsageError, match="images_at_once is 0"):
        kind(images_at_once=0)
