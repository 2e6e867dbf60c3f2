"""The examples that use what is delivered without this package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas_kd.data import load_data
from nas_kd.export import Preprocess, export_onnx, load_student, save_student
from nas_kd.export.text_delivery import deliver_text_student
from search_spaces import Task, create_space
from tests.examples import example, run_example
from tests.export.test_text_student import OWN_WIDTH, STOCK, student, tokenizer
from tests.training.elastic.jobs import SPACES

CLASSES = ["ant", "bee", "cow", "dog"]
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.1)


def save_images(directory: Path, name: str, options: dict[str, int], channels: int) -> None:
    """A student, whose batch norm has seen images, with its ONNX file."""
    space, task = create_space(name, **options), Task(channels, 16, len(CLASSES))
    arch = next(iter(space.enumerate()))
    mean, std = MEAN[:channels], STD[:channels]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = space.build(arch, task)
        module(torch.randn(64, *task.input_shape))
    save_student(
        directory,
        module=module.eval(),
        space_name=name,
        space_options=options,
        arch=arch,
        task=task,
        classes=CLASSES,
        mean=mean,
        std=std,
        provenance={},
    )
    told = Preprocess(task.input_shape, mean, std).metadata(CLASSES)
    export_onnx(module, task.input_shape, directory / "student.onnx", metadata=told)


@pytest.mark.parametrize(("channels", "size"), [(3, (45, 33)), (3, (16, 16)), (1, (20, 64))])
def test_images(
    channels: int,
    size: tuple[int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = tmp_path / "runs" / "digits" / "students" / "1"
    save_images(directory, "cifar-resnet", {"width": 8}, channels)
    noise = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    photo = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    photo.save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    source, found = run_example("README.md", "onnxruntime")
    assert "nas_kd" not in source

    loaded = load_student(directory)
    pixels = torch.from_numpy(np.array(photo.convert({1: "L", 3: "RGB"}[channels])))
    images = loaded.preprocess(pixels.view(size[1], size[0], channels).permute(2, 0, 1))
    one_level = 1.5 / 255 / min(STD)
    np.testing.assert_allclose(found["images"], images.numpy(), atol=one_level)
    with torch.no_grad():
        logits = loaded.module(images).numpy()
    np.testing.assert_allclose(found["logits"], logits, atol=0.05 * np.abs(logits).max())
    assert capsys.readouterr().out.strip() == loaded.classes[logits.argmax()]


def test_images_of_16_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "runs" / "digits" / "students" / "1"
    save_images(directory, "cifar-resnet", {"width": 8}, 3)
    grey = np.random.default_rng(0).integers(0, 2**16, (16, 16), dtype=np.uint16)
    Image.fromarray(grey).save(tmp_path / "photo.png")
    (tmp_path / "data" / "a").mkdir(parents=True)
    Image.fromarray(grey).save(tmp_path / "data" / "a" / "photo.png")
    monkeypatch.chdir(tmp_path)
    _, found = run_example("README.md", "onnxruntime")
    data = load_data("folder:data?labels=false&channels=3", labelled=False)
    images, _ = data.normalised(MEAN, STD).train.batch([0])
    np.testing.assert_allclose(found["images"], images.numpy(), atol=1e-5)
    assert capsys.readouterr().out


def test_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, model = tmp_path / "runs" / "superlm-search" / "students" / "1", student(STOCK)
    deliver_text_student(directory, model, tokenizer(), {}, lengths=(5, 9))
    monkeypatch.chdir(tmp_path)
    source, found = run_example("docs/language_models.md", "onnxruntime")
    assert "nas_kd" not in source
    tokens = tokenizer()(found["texts"], padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**tokens).last_hidden_state.numpy()
    real = tokens["attention_mask"].numpy().astype(bool)
    np.testing.assert_allclose(found["output"][real], states[real], atol=1e-4)


def test_texts_of_a_student_of_our_own_class_ask_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "runs" / "superlm-search" / "students" / "1"
    deliver_text_student(directory, student(OWN_WIDTH), tokenizer(), {}, lengths=(5, 9))
    source = example("docs/language_models.md", "onnxruntime")
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""


def test_weights_of_an_elastic_student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "runs" / "labelled-search" / "students" / "1"
    save_images(directory, "elastic-resnet", SPACES["elastic-resnet"] | {"group_norm": 0}, 3)
    monkeypatch.chdir(tmp_path)
    _, found = run_example("docs/elastic_students.md", "timm.create_model")
    network, images = found["network"], torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(network(images), load_student(directory).module(images))
