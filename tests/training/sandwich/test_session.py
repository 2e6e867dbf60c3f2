"""Supervised elastic training from end to end on the digits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas_kd.data import load_data
from nas_kd.errors import UsageError
from nas_kd.teachers import Teacher, load_teacher
from nas_kd.training.elastic.restoring import restore_supernet
from nas_kd.training.poa.session import PoaSession
from nas_kd.training.pretraining import PretrainingFolder
from nas_kd.training.sandwich.methods import SANDWICH
from nas_kd.training.sandwich.session import SandwichSession
from nas_kd.training.sandwich.settings import SandwichSettings
from search_spaces import Task
from tests.training.elastic.jobs import SPACES, make_job, same_bits, stored
from tests.training.poa.jobs import session as poa_session

TINY: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 32,
    "epoch_images": 64,
    "random_students": 1,
}
BATCH_NORM = {"group_norm": 0, "width": 16, "least_width": 8, "width_step": 8, "planes": 16}
TEACHER = f"{__name__}:linear_teacher"


class _Counted(nn.Flatten):
    """Counts the images that go through."""

    seen = 0

    def forward(self, x: Tensor) -> Tensor:
        _Counted.seen += len(x)
        return super().forward(x)


def linear_teacher(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), _Counted(), nn.Linear(4 * 36, num_classes))


def _session(
    space: str = "elastic-vit", teacher: str | None = None, **changes: Any
) -> SandwichSession:
    settings = SandwichSettings(**{**TINY, **changes})
    options = BATCH_NORM if space == "elastic-resnet" else {}
    return SandwichSession(make_job(settings, space, teacher=teacher, options=options))


@pytest.mark.parametrize(("space", "teacher"), [("elastic-vit", TEACHER), ("elastic-resnet", None)])
def test_a_resumed_training_ends_with_the_same_bits(space: str, teacher: str | None) -> None:
    whole = _session(space, teacher)
    whole.run_unit()
    kept = stored(whole.state())
    second = whole.run_unit()

    resumed = _session(space, teacher)
    resumed.load(kept)

    assert resumed.run_unit() == second
    assert same_bits(resumed.state(), whole.state())


@pytest.mark.parametrize("rule", ["sandwich", "uniform"])
def test_all_sizes_learn(rule: str) -> None:
    drawn = {"random_students": 2 if rule == "uniform" else 1}
    training = _session("elastic-resnet", rule=rule, epoch_images=512, learning_rate=3e-3, **drawn)
    for _ in range(2):
        metrics = training.run_unit()

    assert metrics["validation_largest"] > 0.6
    assert metrics["validation_smallest"] > 0.6
    assert training.best().startswith("validation ")


def test_the_supernet_comes_back_from_its_file(tmp_path: Path) -> None:
    training = _session("elastic-resnet", epochs=1)
    training.run_unit()
    facts = training.save(tmp_path)
    named = {
        "space": "elastic-resnet",
        "space_options": {**SPACES["elastic-resnet"], **BATCH_NORM},
    }
    restored = restore_supernet(tmp_path, {**named, **facts})

    images = torch.rand(3, 1, 8, 8)
    training.supernet.eval()
    for arch in training.space.enumerate():
        assert torch.equal(restored(images, arch), training.supernet(images, arch))
    assert 0 <= facts["validation_smallest"] <= 1


def _poa_run(folder: Path, **changes: Any) -> PoaSession:
    """One that is finished in ``folder``, though it learned nothing."""
    earlier = poa_session(**changes)
    run = PretrainingFolder(folder)
    run.claim({"method": "poa", "space": "elastic-vit", "space_options": SPACES["elastic-vit"]})
    run.write_facts({"units": 1, **earlier.save(folder)})
    return earlier


@pytest.mark.parametrize("scaled", [True, False])
def test_a_pre_training_is_taken_up_but_for_the_classifier(tmp_path: Path, scaled: bool) -> None:
    backbone = _poa_run(tmp_path, scaled=scaled, seed=1)._teacher.model.backbone

    training = _session(start=str(tmp_path))

    mine, theirs = training.supernet.state_dict(), backbone.state_dict()
    assert set(mine) - set(theirs) == {"parent.head.weight", "parent.head.bias"}
    assert all(torch.equal(mine[name], value) for name, value in theirs.items())
    assert 0.9 < training.inherited < 1
    images, smallest = torch.rand(3, 1, 8, 8), training.space.smallest
    before, after = (
        network.eval().embed(images, smallest).pooled for network in (backbone, training.supernet)
    )
    assert torch.equal(before, after)


def test_another_scale_than_that_of_the_start_is_refused(tmp_path: Path) -> None:
    _poa_run(tmp_path, scaled=True)
    with pytest.raises(UsageError, match="trained with scaled=True"):
        _session(start=str(tmp_path), scaled=False)


def test_images_are_normalised_as_those_of_the_start(tmp_path: Path) -> None:
    _poa_run(tmp_path)
    folder = PretrainingFolder(tmp_path)
    folder.write_facts({**(folder.facts() or {}), "mean": [0.3], "std": [0.7]})
    training = _session(start=str(tmp_path))
    assert training.data.train.mean == training.data.validation.mean == (0.3,)
    assert training.save(tmp_path)["std"] == [0.7]


def parent_as_teacher(num_classes: int) -> Teacher:
    """The largest network of the space, trained on images of its own normalisation."""
    space = make_job(SandwichSettings()).space
    model = space.build(space.largest, Task(1, 8, num_classes))
    features = space.features(model)
    return Teacher(model, "parent", "tests", num_classes, features, "head", mean=(0.2,), std=(0.6,))


def test_images_are_normalised_as_inherited_weights_expect() -> None:
    of_parent = f"{__name__}:parent_as_teacher"
    training = _session(teacher=of_parent, init="teacher")
    assert training.inherited == 1.0
    assert training.data.train.mean == training.data.validation.mean == (0.2,)
    assert training.data.std == (0.6,)
    alone = _session(teacher=of_parent, init="random")
    assert alone.data.train.mean == load_data("digits").mean != (0.2,)


def test_a_teacher_that_states_no_normalisation_sees_that_of_the_data(tmp_path: Path) -> None:
    """Also where the start's run saw its images otherwise."""
    _poa_run(tmp_path)
    folder = PretrainingFolder(tmp_path)
    folder.write_facts({**(folder.facts() or {}), "mean": [0.3], "std": [0.7]})
    training = _session(teacher=TEACHER, start=str(tmp_path))
    natural = load_data("digits")
    mine, theirs = (data.validation.batch(range(4))[0] for data in (training.data, natural))
    job = training.job
    teacher = load_teacher(TEACHER, data=natural, seed=job.seed)
    assert training._teaching is not None
    with training._teaching:
        said = training._teaching.run(mine.to(job.accelerator.device)).logits.cpu()
    torch.testing.assert_close(said, teacher.model.cpu()(theirs))


def test_a_run_is_tied_to_the_very_run_that_it_starts_from(tmp_path: Path) -> None:
    _poa_run(tmp_path)
    settings, folder = SandwichSettings(start=str(tmp_path)), PretrainingFolder(tmp_path)
    named = SANDWICH.inputs(settings)
    assert named == SANDWICH.inputs(settings)
    folder.write_facts({**(folder.facts() or {}), "seconds": 2.0})
    assert SANDWICH.inputs(settings) != named
    assert SANDWICH.inputs(SandwichSettings()) == {}


def test_the_two_ends_are_in_a_step_once() -> None:
    training = _session(random_students=2)
    for step in range(20):
        archs = training._archs(step)
        assert archs[:2] == [training.space.largest, training.space.smallest]
        assert len(set(archs)) == 4


def test_another_space_cannot_be_taken_up(tmp_path: Path) -> None:
    folder = PretrainingFolder(tmp_path)
    other = {**SPACES["elastic-vit"], "depth": 4}
    folder.claim({"method": "poa", "space": "elastic-vit", "space_options": other})
    deeper = make_job(SandwichSettings(**TINY), options={"depth": 4})
    folder.write_facts({"units": 1, **SandwichSession(deeper).save(tmp_path)})

    with pytest.raises(UsageError, match="no finished supernet"):
        _session(start=str(tmp_path / "nothing"))
    wider = {**TINY, "start": str(tmp_path)}
    with pytest.raises(UsageError, match="other weights"):
        SandwichSession(make_job(SandwichSettings(**wider), options={"depth": 5}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learn_from": "teacher"}, "needs a teacher"),
        ({"label_weight": 0.0}, "nothing is learned"),
        ({"teacher_targets": "hard"}, "teacher_targets=hard would have no effect"),
        ({"init": "teacher"}, "init=teacher would have no effect"),
    ],
)
def test_what_needs_a_teacher_is_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _session(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rule": "random"}, "choose one of sandwich, uniform"),
        ({"random_students": -1}, "random_students is -1"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"teacher_targets": "firm"}, "soft, hard"),
        ({"label_weight": 0.0, "teacher_weight": 0.0}, "nothing is learned"),
        ({"rule": "uniform", "random_students": 1}, "random_students=1 would have no effect"),
        ({"start": "runs/x", "init": "teacher"}, "init=teacher would have no effect"),
    ],
)
def test_wrong_settings_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SandwichSettings(**changes)


def test_clean_views_ask_the_teacher_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Counted, "seen", 0)
    training = _session(teacher=TEACHER, teacher_views="clean", epochs=2)
    images, judged = len(training.data.train), len(training.data.validation)
    asked = _Counted.seen
    assert images <= asked - judged < 2 * images
    training.run_unit()
    assert _Counted.seen == asked


def test_what_the_teacher_knows_is_told() -> None:
    said: list[str] = []
    job = make_job(SandwichSettings(**TINY), "elastic-vit", teacher=TEACHER, options={})
    training = SandwichSession(replace(job, note=said.append))
    assert said[0].startswith("The teacher is right on ")
    assert said[0].endswith(f"of {len(training.data.validation)} validation images.")
