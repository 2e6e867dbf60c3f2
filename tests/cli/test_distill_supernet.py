"""``nas-kd distill`` of a student that a supernet delivered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nas_kd.cli.chosen_student import choose_student
from nas_kd.costs import Budget, DeviceProfile, Limits
from nas_kd.data import load_data
from nas_kd.errors import UsageError
from nas_kd.export import load_student, save_student, write_manifest
from nas_kd.teachers import load_teacher
from nas_kd.training.processes import make_accelerator
from nas_kd.training.teaching import Teaching
from search_spaces import Task, create_space
from studies.setting import Setting
from studies.starting_weights import StartingWeights, recipe_of_pretraining
from tests.cli.conftest import Command
from tests.training.elastic.jobs import SPACES

SPACE = "elastic-resnet"
TEACHER = "tests.cli.own_code:make_teacher"
JOB: dict[str, Any] = {
    "method": "sandwich",
    "settings": {"optimizer": "sgd"},
    "space": SPACE,
    "space_options": SPACES[SPACE],
    "data": "digits",
    "teacher": TEACHER,
    "checkpoint": None,
    "image_size": None,
    "seed": 0,
}
STILL = "[distill]\nepochs = 1\nlearning_rate = 1e-12\nweight_decay = 0.0\n"
"""A training that leaves the weights where they are."""


def _student(
    directory: Path, seed: int, job: dict[str, Any] = JOB, data: str | None = None
) -> Path:
    space = create_space(SPACE, **SPACES[SPACE])
    task, arch = Task(in_channels=1, image_size=8, num_classes=10), next(space.enumerate())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = space.build(arch, task).eval()
    save_student(
        directory,
        module=module,
        space_name=SPACE,
        space_options=SPACES[SPACE],
        arch=arch,
        task=task,
        classes=[str(digit) for digit in range(10)],
        mean=(0.3,),
        std=(0.4,),
        provenance={} if data is None else {"data": data},
    )
    write_manifest(
        directory,
        costs={},
        latency=None,
        parity={},
        accuracy={},
        seeds={},
        extra={"pretraining": job},
    )
    return directory


def test_it_starts_from_the_shared_weights(nas_kd: Command, tmp_path: Path) -> None:
    first, second = (_student(tmp_path / name, seed) for seed, name in enumerate("ab"))
    (tmp_path / "still.toml").write_text(STILL)
    flags = ("--config", tmp_path / "still.toml", "--teacher", TEACHER, "--run-dir", "run")
    outcome = nas_kd("distill", first, *flags, "--json")
    assert outcome.code == 0, outcome.err
    student = json.loads(outcome.out)["student"]
    assert student["started_from"] == str(first)
    before, after = load_student(first), load_student(student["directory"])
    assert after.preprocess.mean == (pytest.approx(0.3),)
    for name, weights in before.module.named_parameters():
        assert torch.allclose(after.module.get_parameter(name), weights, atol=1e-6), name

    again = nas_kd("distill", first, *flags, "--json")
    assert (again.code, again.out) == (0, outcome.out)
    assert "nothing is measured or trained again" in again.err

    other = nas_kd("distill", second, *flags)
    assert other.code == 2
    assert "started from other weights" in other.err


def test_the_teacher_sees_the_images_as_when_it_was_judged(tmp_path: Path) -> None:
    data = load_data("digits")
    teacher = load_teacher(TEACHER, data=data)
    judged = teacher.model(data.train.batch(range(4))[0])
    setting = Setting(
        data=data,
        teacher=teacher,
        teacher_facts={},
        teacher_onnx=tmp_path / "teacher.onnx",
        space=create_space(SPACE, **SPACES[SPACE]),
        task=Task(in_channels=1, image_size=8, num_classes=10),
        budget=Budget.parse([]),
        limits=Limits({}),
        profile=DeviceProfile(),
    )
    _, begun = StartingWeights.of(_student(tmp_path / "a", 0)).load(setting)
    assert begun.data.mean == (0.3,)
    images, _ = begun.data.train.batch(range(4))
    needs, accelerator = frozenset({"logits"}), make_accelerator("no")
    taught = Teaching(
        begun.teacher, begun.data, needs=needs, views="augmented", accelerator=accelerator
    )
    with taught:
        torch.testing.assert_close(taught.run(images.to(accelerator.device)).logits.cpu(), judged)


def test_a_supernet_without_a_teacher_asks_for_one(nas_kd: Command, tmp_path: Path) -> None:
    student = _student(tmp_path / "a", 0, JOB | {"teacher": None, "data": "folder:images"})
    outcome = nas_kd("distill", student)
    assert outcome.code == 2
    assert "--teacher" in outcome.err


def test_a_student_that_takes_other_images_is_refused_before_there_is_a_teacher(
    nas_kd: Command, tmp_path: Path
) -> None:
    student = _student(tmp_path / "a", 0)
    teacher = "tests.cli.own_code:fail"
    outcome = nas_kd("distill", student, "--teacher", teacher, "--image-size", 16)
    assert outcome.code == 2
    assert "was made for images of shape (1, 8, 8) in 10 classes" in outcome.err


def test_images_that_the_weights_have_learned_judge_no_student(
    nas_kd: Command, tmp_path: Path
) -> None:
    student = str(_student(tmp_path / "a", 0, JOB | {"data": "folder:images", "seed": 5}))
    outcome = nas_kd("distill", student, "--teacher", "timm:resnet18", "--seed", 1)
    assert outcome.code == 2
    assert "Keep both (--seed 5)" in outcome.err
    (tmp_path / "own.toml").write_text(
        "seed = 5\n[data]\nsource = 'folder:images'\nvalidation_share = 0.3\n"
    )
    changes: dict[str, Any] = {"teacher.source": "timm:resnet18"}
    own = str(tmp_path / "own.toml")
    with pytest.raises(UsageError, match=r"seed 5 and validation_share 0\.2"):
        choose_student(student, own, changes, None, [])
    changes |= {"data.validation_share": 0.2}
    assert choose_student(student, own, changes, None, []).recipe.seed == 5
    for other in ({"seed": 5}, {"seed": 1, "data.source": "folder:others"}):
        assert choose_student(student, None, changes | other, None, []).recipe.seed == other["seed"]


def test_a_student_that_got_its_classifier_of_other_images_goes_on_with_those(
    tmp_path: Path,
) -> None:
    job = JOB | {"data": "folder:images?labels=false"}
    student = str(_student(tmp_path / "a", 0, job, data="folder:labelled"))
    changes = {"teacher.source": "timm:resnet18"}
    chosen = choose_student(student, None, changes, None, [])
    assert chosen.recipe.data.source == "folder:labelled"
    for known in ("folder:images", "folder:labelled"):
        with pytest.raises(UsageError, match=f"have learned {known}.* with seed 0"):
            choose_student(student, None, changes | {"data.source": known, "seed": 1}, None, [])


@pytest.mark.parametrize("named", ["teacher", "data"])
def test_code_that_only_the_directory_names_is_not_run(
    nas_kd: Command, tmp_path: Path, named: str
) -> None:
    (tmp_path / "evil.py").write_text("open('ran', 'w')\ndef make(): ...\n")
    job = JOB | {"teacher": "timm:resnet18", named: "evil:make"}
    outcome = nas_kd("distill", _student(tmp_path / "a", 0, job))
    assert outcome.code == 2
    assert f"--{named} evil:make" in outcome.err
    assert not (tmp_path / "ran").exists()


def test_the_recipe_is_that_of_the_pretraining_with_small_steps() -> None:
    recipe = recipe_of_pretraining(JOB | {"seed": 7})
    assert (recipe.seed, recipe.data.source, recipe.teacher.source) == (7, "digits", TEACHER)
    assert (recipe.space.name, recipe.space.options) == (SPACE, SPACES[SPACE])
    assert (recipe.distill.optimizer, recipe.distill.learning_rate) == ("sgd", 0.01)
    of_poa = recipe_of_pretraining(JOB | {"settings": {}})
    assert (of_poa.distill.optimizer, of_poa.distill.learning_rate) == ("adamw", 5e-4)


@pytest.mark.parametrize("size", [None, 16])
def test_a_student_of_views_of_their_own_size_takes_images_of_that_size(size: int | None) -> None:
    job = JOB | {"settings": {"view_size": 4}, "image_size": size}
    assert recipe_of_pretraining(job).data.image_size == 4
    assert recipe_of_pretraining(job | {"settings": {"view_size": None}}).data.image_size == size
