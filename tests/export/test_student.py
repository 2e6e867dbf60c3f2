"""Students on disk: an exact round trip, and damaged or hostile directories."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from nas_kd.data import LazyImages
from nas_kd.errors import UsageError
from nas_kd.export import Preprocess, load_student, save_student
from search_spaces import Task, create_space

TASK = Task(in_channels=3, image_size=16, num_classes=4)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, torch.nn.Module]:
    space = create_space("nasbench201", channels=4, cells_per_stage=1)
    arch = space.parse("9930")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = space.build(arch, TASK)
        module(torch.randn(8, 3, 16, 16))
    save_student(
        tmp_path / "student",
        module=module,
        space_name="nasbench201",
        space_options={"channels": 4, "cells_per_stage": 1},
        arch=arch,
        task=TASK,
        classes=["a", "b", "c", "d"],
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.2, 0.1),
        provenance={"teacher": "digits-cnn"},
    )
    return tmp_path / "student", module.eval()


def edit(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = directory / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def test_round_trip(saved: tuple[Path, torch.nn.Module]) -> None:
    directory, module = saved
    random_state = torch.get_rng_state()
    student = load_student(directory)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert sorted(file.name for file in directory.iterdir()) == ["config.json", "model.safetensors"]
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(student.module(images), module(images))
    assert not student.module.training
    assert student.task == TASK
    assert student.classes == ["a", "b", "c", "d"]
    assert student.arch == student.space.parse("9930")
    assert student.config["provenance"] == {"teacher": "digits-cnn"}


def test_preprocess() -> None:
    preprocess = Preprocess((1, 8, 8), mean=(0.5,), std=(0.25,))
    white = torch.full((1, 8, 8), 255, dtype=torch.uint8)
    assert torch.equal(preprocess(white), torch.full((1, 1, 8, 8), 2.0))
    assert preprocess(torch.rand(5, 1, 20, 12)).shape == (5, 1, 8, 8)
    with pytest.raises(UsageError, match="is needed"):
        preprocess(torch.rand(3, 8, 8))
    assert torch.equal(Preprocess((1, 8, 8), None, None)(white), torch.ones(1, 1, 8, 8))


@pytest.mark.parametrize("shape", [(30, 20, 3), (16, 40, 3), (9, 7, 3), (16, 16, 3)])
def test_preprocess_fits_images_as_a_training_does(shape: tuple[int, ...]) -> None:
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.2, 0.1)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    trained = LazyImages(lambda _: Image.fromarray(pixels), torch.zeros(1), 16, 3, mean, std)
    preprocess = Preprocess((3, 16, 16), mean, std)
    images = torch.from_numpy(pixels).permute(2, 0, 1)
    assert torch.equal(preprocess(images), trained.batch([0])[0])
    assert torch.equal(preprocess(images[None].repeat(2, 1, 1, 1))[1:], preprocess(images))
    as_floats = preprocess(images / 255.0)
    assert torch.allclose(as_floats, preprocess(images), atol=1.5 / 255 / min(std))


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("arch"),
        lambda c: c.update(schema="other/1"),
        lambda c: c["space"].update(name="nasbench2001"),
        lambda c: c["space"]["options"].update(channels="4"),
        lambda c: c["space"]["options"].update(channels=8),
        lambda c: c["space"]["options"].update(channels=10**9),
        lambda c: c["space"]["options"].update(cells_per_stage=10**9),
        lambda c: c["space"]["options"].update(width=1),
        lambda c: c["task"].update(num_classes=10**12),
        lambda c: c["task"].update(num_classes=5),
        lambda c: c["task"].update(in_channels=-1),
        lambda c: c["task"].update(image_size=1.5),
        lambda c: c["arch"].update(edge_0_1="eval"),
        lambda c: c.update(arch=[1, 2]),
        lambda c: c.update(mean=[0.5]),
        lambda c: c.update(mean="abc"),
        lambda c: c.update(classes=None),
    ],
)
def test_a_configuration_that_does_not_fit(
    saved: tuple[Path, torch.nn.Module], change: Callable[[dict[str, Any]], object]
) -> None:
    directory, _ = saved
    edit(directory, change)
    with pytest.raises(UsageError):
        load_student(directory)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_a_configuration_that_is_no_json_object(
    saved: tuple[Path, torch.nn.Module], text: str
) -> None:
    directory, _ = saved
    (directory / "config.json").write_text(text)
    with pytest.raises(UsageError, match=r"config\.json"):
        load_student(directory)


class Bomb:
    """Would write a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_damaged_and_hostile_weights(saved: tuple[Path, torch.nn.Module], tmp_path: Path) -> None:
    directory, _ = saved
    path, target = directory / "model.safetensors", tmp_path / "exploded"
    whole = path.read_bytes()
    bomb = pickle.dumps(Bomb(target))
    for content in (b"", b"\0" * 64, whole[: len(whole) // 2], whole[:-1], bomb, b"\xff" * 8):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="safetensors"):
            load_student(directory)
    assert not target.exists()


def test_weights_of_another_student(saved: tuple[Path, torch.nn.Module]) -> None:
    directory, _ = saved
    path = directory / "model.safetensors"
    weights = load_file(str(path))
    renamed = {f"other.{name}": value for name, value in weights.items()}
    save_file(renamed, str(path))
    with pytest.raises(UsageError, match="do not fit"):
        load_student(directory)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_missing_files(saved: tuple[Path, torch.nn.Module], missing: str) -> None:
    directory, _ = saved
    (directory / missing).unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        load_student(directory)
