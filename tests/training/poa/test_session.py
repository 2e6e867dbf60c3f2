"""Pre-training by POA from end to end on the digits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nas_kd.data import load_data
from nas_kd.errors import NasKdError, UsageError
from nas_kd.training.elastic.judging import shared_accuracy
from nas_kd.training.elastic.restoring import restore_supernet
from nas_kd.training.embeddings import read_embeddings
from nas_kd.training.knn import knn_accuracy
from nas_kd.training.poa.session import PoaSession
from nas_kd.training.poa.settings import PoaSettings
from tests.training.elastic.jobs import SPACES, make_job, same_bits, stored
from tests.training.poa.jobs import TINY, session


@pytest.mark.parametrize("space", list(SPACES))
def test_a_resumed_training_ends_with_the_same_bits(space: str) -> None:
    whole = session(space)
    first = whole.run_unit()
    kept = stored(whole.state())
    second = whole.run_unit()

    resumed = session(space, seed=0)
    resumed.load(kept)

    assert resumed.run_unit() == second
    assert first != second
    assert same_bits(resumed.state(), whole.state())


def test_the_teacher_follows_the_student_with_the_momentum_of_the_schedule() -> None:
    """One step a unit: m teacher + (1 - m) student, for every weight."""
    training = session(epochs=1, epoch_images=32, warmup=0.0)
    before = torch.cat([p.flatten() for p in training._teacher.model.parameters()])
    training.run_unit()
    student, teacher = (
        torch.cat([p.detach().flatten() for p in network.parameters()])
        for network in (training._students, training._teacher.model)
    )

    assert (student - before).abs().max() > 1e-4
    torch.testing.assert_close(teacher, 0.992 * before + 0.008 * student)


def test_nearest_neighbours_judge_the_teacher_where_images_have_labels(tmp_path: Path) -> None:
    training = session(epochs=3, epoch_images=32, judge_every=2)
    told = [training.run_unit() for _ in range(3)]
    space = training.job.space

    assert ["knn_largest" in metrics for metrics in told] == [False, True, True]
    for name, arch in (("largest", space.largest), ("smallest", space.smallest)):
        judged = shared_accuracy(training._teacher.model.backbone, arch, training.data)
        assert told[-1][f"knn_{name}"] == judged > 0.2
    assert training.best().startswith(f"loss {told[-1]['loss']:.3f}, nearest neighbours ")
    assert training.save(tmp_path)["knn_largest"] == told[-1]["knn_largest"]

    training = session(epochs=1, epoch_images=32)
    training.data = replace(training.data, num_classes=0, classes=())
    assert not any(name.startswith("knn_") for name in training.run_unit())


def test_what_is_saved_is_the_teacher(tmp_path: Path) -> None:
    training = session(epochs=1)
    training.run_unit()
    facts = training.save(tmp_path)
    named = {"space": "elastic-vit", "space_options": SPACES["elastic-vit"]}
    restored = restore_supernet(tmp_path, {**named, **facts})

    images = torch.rand(3, 1, 8, 8)
    teacher = training._teacher.model.backbone
    for arch in training.job.space.enumerate():
        assert torch.equal(restored.embed(images, arch).pooled, teacher.embed(images, arch).pooled)
        extracted = restored.extract(arch)
        torch.testing.assert_close(extracted(images), teacher(images, arch), atol=1e-5, rtol=1e-5)


def test_masked_patches_set_in_at_their_time_and_only_for_vits() -> None:
    early, late = session(patch_start=0.5), session("elastic-resnet")

    assert "patches_intact" not in early.run_unit()
    assert "patches_intact" in early.run_unit()
    assert "patches_intact" not in late.run_unit()
    with pytest.raises(UsageError, match="masked for elastic-vit alone"):
        session("elastic-resnet", patch_weight=1.0)


@pytest.mark.parametrize("scaled", [True, False])
def test_alpha_is_a_choice_for_supernet_and_heads_alike(scaled: bool) -> None:
    students = session(scaled=scaled)._students

    assert students.backbone.scaled == scaled
    assert [head.mlp[0].scaled for head in students.heads] == [scaled, scaled]


def test_settings_that_do_not_fit_the_backbone_are_told() -> None:
    with pytest.raises(UsageError, match="give a multiple of 2"):
        session(local_size=3)
    with pytest.raises(UsageError, match=r"patch_embed_rate=0\.5 would have no effect"):
        session("elastic-resnet", patch_embed_rate=0.5)
    with pytest.raises(UsageError, match=r"patch_start=0\.5 would have no effect"):
        session("elastic-swin", patch_start=0.5)
    with pytest.raises(UsageError, match=r"mask_least=0\.2 would have no effect"):
        session("elastic-resnet", mask_least=0.2)
    with pytest.raises(UsageError, match=r"patch_start=0\.3 would have no effect"):
        session(patch_weight=0.0)


@pytest.mark.parametrize("idle", [{"size_scale": 2.0}, {"cross_view": False}, {"same_view": False}])
def test_settings_of_elastic_students_need_some(idle: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="would have no effect: elastic_students is 0"):
        session(elastic_students=0, **idle)


def test_views_may_be_smaller_than_the_images() -> None:
    """Networks are then made for the views and judged at their size, and local views follow."""
    training = session(view_size=4, epochs=1)
    metrics = training.run_unit()

    backbone = training._teacher.model.backbone
    assert backbone.task.image_size == 4
    assert (training._crops.side, training._crops.local_side) == (4, 2)
    small = load_data("digits", image_size=4).normalised(training.data.mean, training.data.std)
    assert training.data.mean == load_data("digits").mean != load_data("digits", image_size=4).mean
    judged = shared_accuracy(backbone, backbone.space.largest, small)
    assert metrics["knn_largest"] == judged


def test_backbone_and_heads_are_clipped_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    training = session()
    monkeypatch.setattr(training._optimizer, "step", lambda: None)
    monkeypatch.setattr(training._optimizer, "zero_grad", lambda: None)
    parameters = list(training._students.parameters())
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 100.0)
    with training.optimising():
        pass

    parts = training.clipped()
    assert sum(len(list(part.parameters())) for part in parts) == len(parameters)
    for part in parts:
        gradients = [p.grad.flatten() for p in part.parameters() if p.grad is not None]
        assert float(torch.cat(gradients).norm()) == pytest.approx(1.5, rel=1e-3)


def test_rates_follow_layers_and_the_images_in_a_batch() -> None:
    """The mask token belongs to the lowest layer, below all blocks, and the norm to the last."""
    training = session(layer_decay=0.5, batch_size=100_000)
    groups = training._raw_optimizer.param_groups
    scale = {id(p): group["lr_scale"] for group in groups for p in group["params"]}
    backbone = training._students.backbone

    assert scale[id(backbone.mask_token)] == scale[id(backbone.parent.cls_token)]
    assert scale[id(backbone.mask_token)] == 0.5 ** len(backbone.parent.blocks)
    assert scale[id(backbone.parent.norm.weight)] == 1.0
    images = len(training.data.train)
    assert training._raw_optimizer.defaults["lr"] == pytest.approx(0.004 * (images / 1024) ** 0.5)


def test_the_intact_student_alone_is_a_baseline() -> None:
    metrics = session(elastic_students=0, epochs=1).run_unit()

    assert not {"cross_view", "same_view", "patches_elastic"} & set(metrics)


def test_another_seed_gives_another_training() -> None:
    assert session(epochs=1).run_unit() != session(epochs=1, seed=1).run_unit()


def test_it_trains_in_half_precision() -> None:
    metrics = session(epochs=1, precision="bf16").run_unit()

    assert metrics["loss"] == pytest.approx(session(epochs=1).run_unit()["loss"], rel=0.1)


def test_a_loss_that_is_no_longer_finite_is_told() -> None:
    training = session(epochs=1)
    next(training._students.parameters()).data.fill_(torch.nan)

    with pytest.raises(NasKdError, match="no longer finite"):
        training.run_unit()


def test_embeddings_learn_to_tell_the_digits_apart() -> None:
    """Neighbours in the teacher's embedding share their digit far more often than at the start."""
    training = session(epochs=3, epoch_images=None, learning_rate=0.01)

    def judged() -> float:
        backbone, data = training._teacher.model.backbone, training.data
        known, asked = (
            read_embeddings(
                backbone, lambda x: backbone.embed(x, backbone.space.smallest).pooled, images
            )
            for images in (data.train, data.validation)
        )
        return knn_accuracy(known, data.train.labels, asked, data.validation.labels)

    before = judged()
    for _ in range(3):
        training.run_unit()

    assert judged() > before + 0.01


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"intact_weight": 1.5}, "intact_weight"),
        ({"teacher_temperature": 0.0}, "above 0"),
        ({"precision": "half"}, "choose one of"),
        ({"mask_least": 0.6}, "give a range"),
        ({"cross_view": False, "same_view": False}, "nothing to learn from"),
    ],
)
def test_wrong_settings_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PoaSettings(**changes)


def test_batch_norms_of_the_teacher_go_by_the_batch() -> None:
    """Its statistics of the largest network are neither the student's nor those of the start."""
    options = {"group_norm": 0, "width": 16, "least_width": 8, "width_step": 8, "planes": 16}
    job = make_job(PoaSettings(**TINY), "elastic-resnet", options=options)
    training = PoaSession(job)
    training.run_unit()
    teacher, student = training._teacher.model.backbone, training._students.backbone

    means = [network.parent.get_buffer("bn1.running_mean") for network in (teacher, student)]
    assert means[0].abs().max() > 1e-4
    assert not torch.equal(*means)
    images = torch.rand(8, 1, 8, 8)
    embedded = teacher.embed(images, teacher.space.largest).pooled
    torch.testing.assert_close(teacher.embed(images, teacher.space.largest).pooled, embedded)
    teacher.eval()
    assert not torch.allclose(teacher.embed(images, teacher.space.largest).pooled, embedded)
