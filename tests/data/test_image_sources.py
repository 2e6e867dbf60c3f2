from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nas_kd.data import (
    IMAGENET_MEAN,
    CropFlip,
    DataSplits,
    LazyImages,
    SmallAffine,
    TensorImages,
    lazy,
    load_data,
)
from nas_kd.errors import NasKdError, UsageError

RANDOM = np.random.default_rng(0)


def write_images(folder: Path, count: int = 5, size: tuple[int, int] = (8, 8)) -> Path:
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = RANDOM.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def test_one_folder_is_split(tmp_path: Path) -> None:
    data = load_data(f"folder:{write_images(tmp_path / 'pets')}")
    assert (data.name, list(data.classes), data.input_shape) == ("pets", ["cat", "dog"], (3, 8, 8))
    assert (len(data.train), len(data.validation), data.test) == (8, 2, None)
    assert data.augment == CropFlip(padding=1, flip=True)


@pytest.mark.parametrize("kind", ["folder", "npz"])
def test_a_path_may_begin_at_home(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_images(tmp_path / "pets")
    np.savez(tmp_path / "pets.npz", images=np.zeros((8, 4, 4), np.uint8), labels=[0, 1] * 4)
    name = {"folder": "pets", "npz": "pets.npz"}[kind]
    assert load_data(f"{kind}:~/{name}").name == "pets"


def test_images_without_labels_are_all_learned_from(tmp_path: Path) -> None:
    write_images(tmp_path / "pets")
    Image.new("RGB", (8, 8)).save(tmp_path / "pets" / "loose.png")
    source = f"folder:{tmp_path / 'pets'}?labels=false"
    data = load_data(source, labelled=False)
    assert (data.num_classes, len(data.classes)) == (0, 0)
    assert len(data.train) == len(data.validation) == 11
    assert data.train.labels.unique().tolist() == [0]
    with pytest.raises(UsageError, match="no labels, which are needed here"):
        load_data(source)


def test_folders_per_split_and_the_pixels_themselves(tmp_path: Path) -> None:
    write_images(tmp_path / "train")
    write_images(tmp_path / "val", count=2)
    write_images(tmp_path / "test", count=3)
    data = load_data(f"folder:{tmp_path}")
    assert data.test is not None
    assert [len(data.train), len(data.validation), len(data.test)] == [10, 4, 6]
    with Image.open(tmp_path / "test" / "dog" / "0.png") as image:
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    assert torch.equal((data.test.pixels([3])[0] * 255).round().to(torch.uint8), pixels)
    assert data.test.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_folders_per_split_may_be_spelt_with_capitals(tmp_path: Path) -> None:
    write_images(tmp_path / "Train")
    write_images(tmp_path / "TEST", count=3)
    (tmp_path / "Meta").mkdir()
    data = load_data(f"folder:{tmp_path}")
    assert data.test is not None
    assert (list(data.classes), len(data.test)) == (["cat", "dog"], 6)


def test_a_class_may_have_the_name_of_a_split(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "cat").rename(tmp_path / "Train")
    assert list(load_data(f"folder:{tmp_path}").classes) == ["Train", "dog"]


def test_splits_without_training_images_are_no_classes(tmp_path: Path) -> None:
    for name in ("Test", "val"):
        write_images(tmp_path / name)
    with pytest.raises(UsageError, match="beside val and Test there is no folder train"):
        load_data(f"folder:{tmp_path}")


def test_lazy_and_decoded_images_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"folder:{write_images(tmp_path / 'pets', size=(20, 14))}"
    decoded = load_data(source, image_size=10)
    monkeypatch.setattr(lazy, "IN_MEMORY_BYTES", 0)
    unread = load_data(source, image_size=10)
    assert isinstance(decoded.train, TensorImages)
    assert isinstance(unread.train, LazyImages)
    assert unread.mean == IMAGENET_MEAN
    unread = unread.normalised(decoded.mean, decoded.std)
    assert torch.equal(unread.validation.batch([1, 0])[0], decoded.validation.batch([1, 0])[0])
    assert torch.equal(unread.train[3][0], decoded.train[3][0])


def test_grey_images_stay_grey_unless_asked(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            array = RANDOM.integers(0, 65536, (4, 4)).astype(np.uint16)
            Image.fromarray(array).save(tmp_path / name / f"{number}.png")
    grey = load_data(f"folder:{tmp_path}", validation_share=0.4)
    rgb = load_data(f"folder:{tmp_path}?channels=3", validation_share=0.4)
    assert (grey.input_shape, rgb.input_shape) == ((1, 4, 4), (3, 4, 4))


def test_all_splits_have_the_channels_of_the_training_images(tmp_path: Path) -> None:
    write_images(tmp_path / "train")
    write_images(tmp_path / "val", count=2)
    for path in (tmp_path / "val").rglob("*.png"):
        Image.open(path).convert("L").save(path)
    data = load_data(f"folder:{tmp_path}")
    assert data.input_shape == (3, 8, 8)
    assert data.validation.pixels([0]).shape == (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (Image.new("RGB", (8, 8), "red"), r"67\.png has colours.*\?channels=3"),
        (Image.new("L", (12, 8)), r"67\.png is 8 x 12, and others are 8 x 8; set image_size"),
    ],
)
def test_an_image_unlike_the_many_others_is_named(
    tmp_path: Path, odd: Image.Image, words: str
) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(10, 80):
            Image.new("L", (8, 8)).save(tmp_path / name / f"{number}.png")
    odd.save(tmp_path / "cat" / "67.png")
    with pytest.raises(UsageError, match=words):
        load_data(f"folder:{tmp_path}")
    assert load_data(f"folder:{tmp_path}?channels=1", image_size=8).input_shape == (1, 8, 8)


def test_a_class_with_one_image_is_named(tmp_path: Path) -> None:
    write_images(tmp_path)
    for number in range(1, 5):
        (tmp_path / "dog" / f"{number}.png").unlink()
    with pytest.raises(UsageError, match="class dog has one example"):
        load_data(f"folder:{tmp_path}")


def test_broken_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        load_data(f"folder:{tmp_path / 'nowhere'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no class folders"):
        load_data(f"folder:{tmp_path / 'empty'}")
    (tmp_path / "bare" / "cat").mkdir(parents=True)
    with pytest.raises(UsageError, match="holds no images"):
        load_data(f"folder:{tmp_path / 'bare'}")
    strange = write_images(tmp_path / "strange" / "train").parent
    write_images(strange / "val")
    (strange / "val" / "fox").mkdir()
    with pytest.raises(UsageError, match="fox"):
        load_data(f"folder:{strange}")
    (write_images(tmp_path / "holes") / "eel").mkdir()
    with pytest.raises(UsageError, match=r"no images .* are in .*holes/eel\. Fill"):
        load_data(f"folder:{tmp_path / 'holes'}")


def test_classes_are_numbered_by_name_or_as_a_file_says(tmp_path: Path) -> None:
    folder, listed = write_images(tmp_path / "pets"), tmp_path / "classes.txt"
    (folder / "dog").rename(folder / "Dog")
    assert list(load_data(f"folder:{folder}").classes) == ["Dog", "cat"]
    listed.write_text("cat\nDog\n\n")
    data = load_data(f"folder:{folder}?classes={listed}")
    assert list(data.classes) == ["cat", "Dog"]
    cats = write_images(tmp_path / "other", count=3)
    (cats / "dog" / "0.png").unlink()  # three cats, two dogs
    listed.write_text("dog\ncat\n")
    other = load_data(f"folder:{cats}?classes={listed}", validation_share=0.5)
    labels = [*other.train.labels.tolist(), *other.validation.labels.tolist()]
    assert sorted(set(labels)) == [0, 1]
    assert labels.count(1) > labels.count(0)


@pytest.mark.parametrize(
    ("lines", "message"),
    [("cat\n", "dog"), ("cat\ndog\neel\n", "eel"), ("cat\ncat\ndog\n", "twice: cat")],
)
def test_a_file_of_classes_that_are_not_the_folders(
    tmp_path: Path, lines: str, message: str
) -> None:
    folder, listed = write_images(tmp_path / "pets"), tmp_path / "classes.txt"
    listed.write_text(lines)
    with pytest.raises(UsageError, match=message):
        load_data(f"folder:{folder}?classes={listed}")
    with pytest.raises(UsageError, match="cannot be read"):
        load_data(f"folder:{folder}?classes={tmp_path / 'none'}")
    with pytest.raises(UsageError, match="labels=false has none"):
        load_data(f"folder:{folder}?labels=false&classes={listed}", labelled=False)


def test_sizes_that_differ_ask_for_one(tmp_path: Path) -> None:
    write_images(tmp_path / "pets")
    Image.new("RGB", (9, 9)).save(tmp_path / "pets" / "dog" / "other.png")
    with pytest.raises(UsageError, match="image_size"):
        load_data(f"folder:{tmp_path / 'pets'}")
    assert load_data(f"folder:{tmp_path / 'pets'}", image_size=6).input_shape == (3, 6, 6)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\nnot an image", b""])
def test_a_broken_image_is_named(tmp_path: Path, content: bytes) -> None:
    folder = write_images(tmp_path / "pets")
    (folder / "dog" / "3.png").write_bytes(content)
    with pytest.raises(UsageError, match=r"3\.png cannot be read"):
        load_data(f"folder:{folder}")


def test_a_truncated_image_is_named(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "pets", size=(40, 40))
    file = folder / "cat" / "0.png"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(UsageError, match=r"0\.png cannot be read"):
        load_data(f"folder:{folder}")


def _write_mnist(folder: Path) -> None:
    """Four files in the format of the original MNIST."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 60), ("t10k", 20)):
        images = RANDOM.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for kind, magic, array in (("images-idx3", 2051, images), ("labels-idx1", 2049, labels)):
            header = struct.pack(f">{1 + array.ndim}i", magic, *array.shape)
            (raw / f"{part}-{kind}-ubyte").write_bytes(header + array.tobytes())


def test_torchvision(tmp_path: Path) -> None:
    _write_mnist(tmp_path)
    data = load_data(f"torchvision:MNIST@{tmp_path}", validation_share=0.5)
    assert data.test is not None
    assert [len(data.train), len(data.validation), len(data.test)] == [30, 30, 20]
    assert data.input_shape == (1, 28, 28)
    assert data.classes[3] == "3 - three"
    assert data.augment == SmallAffine()
    rgb = load_data(f"torchvision:MNIST@{tmp_path}?channels=3", image_size=32, validation_share=0.5)
    assert rgb.input_shape == (3, 32, 32)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("torchvision:CIFAR11@{}", "Did you mean 'CIFAR10'"),
        ("torchvision:CIFAR10", "CIFAR10@FOLDER"),
        ("torchvision:CIFAR10@{}", "download = true"),
        ("torchvision:CIFAR10@{}?downlod=true", "Did you mean 'download'"),
        ("torchvision:CIFAR10@{}?download=3", "download=true"),
    ],
)
def test_torchvision_not_there(tmp_path: Path, source: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_data(source.format(tmp_path))


def test_a_download_without_network_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import urllib.request
    from urllib.error import URLError

    def refuse(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(NasKdError, match="network cannot be reached") as caught:
        load_data(f"torchvision:CIFAR10@{tmp_path}", download=True)
    assert caught.value.exit_code == 1


def test_hugging_face_data_on_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"img": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    pictures = [Image.fromarray(p) for p in RANDOM.integers(0, 256, (8, 6, 6, 3), dtype=np.uint8)]

    def split(rows: range) -> object:
        columns = {"img": [pictures[i] for i in rows], "label": [i % 2 for i in rows]}
        return datasets.Dataset.from_dict(columns, features=features)

    folder = str(tmp_path / "pets")
    datasets.DatasetDict({"train": split(range(8)), "test": split(range(4))}).save_to_disk(folder)
    data = load_data(f"hfds:{folder}", validation_share=0.25)
    assert data.test is not None
    assert [len(data.train), len(data.validation), len(data.test)] == [6, 2, 4]
    assert list(data.classes) == ["cat", "dog"]
    pixels = torch.from_numpy(np.array(pictures[1])).permute(2, 0, 1)
    assert torch.equal((data.test.pixels([1])[0] * 255).round().to(torch.uint8), pixels)
    with pytest.raises(UsageError, match="there is no column 'image'"):
        load_data(f"hfds:{folder}?image=image")
    with pytest.raises(UsageError, match="not images"):
        load_data(f"hfds:{folder}?image=label")


def test_hugging_face_splits_that_number_their_classes_differently(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")

    def split(names: list[str], kinds: list[Any]) -> object:
        features = datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
        )
        pictures = [Image.new("RGB", (8, 8)) for _ in kinds]
        return datasets.Dataset.from_dict({"image": pictures, "label": kinds}, features=features)

    def load(name: str, names: list[str], kinds: list[Any]) -> DataSplits:
        train = split(["ant", "bee", "cat"], ["cat", "ant", "bee"] * 4)
        folder = str(tmp_path / name)
        datasets.DatasetDict({"train": train, "test": split(names, kinds)}).save_to_disk(folder)
        return load_data(f"hfds:{folder}", validation_share=0.25)

    data = load("fewer", ["bee", "cat"], ["cat", "bee", "cat"])
    assert data.test is not None
    assert (list(data.classes), data.test.labels.tolist()) == (["ant", "bee", "cat"], [2, 1, 2])
    data = load("unused", ["dog", "cat", "bee", "ant"], ["ant", "cat"])
    assert data.test is not None
    assert data.test.labels.tolist() == [0, 2]
    with pytest.raises(UsageError, match="test: column 'label' holds dog, which the train split"):
        load("other", ["dog", "cat"], ["cat", "dog"])
    with pytest.raises(UsageError, match="labels run from -1"):
        load("hidden", ["bee", "cat"], [-1, 1])


def test_hugging_face_data_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_data(f"hfds:{tmp_path / 'empty'}")

    def refuse(*_: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(NasKdError, match="save_to_disk"):
        load_data("hfds:someone/something")


def test_a_version_of_datasets_that_runs_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets, "__version__", "3.6.0")
    monkeypatch.setattr(datasets, "load_dataset", lambda *_: pytest.fail("it is loaded"))
    with pytest.raises(UsageError, match=r"datasets' 3\.6\.0 may run code"):
        load_data("hfds:someone/something")
