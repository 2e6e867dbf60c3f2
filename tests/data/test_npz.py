from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nas_kd.data import CropFlip, DataSplits, load_data
from nas_kd.errors import UsageError
from tests.data.hostile import Bomb

BYTES = np.random.default_rng(0).integers(0, 256, (30, 6, 6, 3), dtype=np.uint8)
LABELS = np.arange(30) % 3


def load(path: Path, load_options: dict[str, Any] | None = None, **arrays: Any) -> DataSplits:
    file = path / "set.npz"
    np.savez(file, **arrays)
    return load_data(f"npz:{file}", **(load_options or {}))


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (BYTES, (3, 6, 6)),
        (BYTES.transpose(0, 3, 1, 2), (3, 6, 6)),
        (BYTES[..., 0], (1, 6, 6)),
        (BYTES[..., :1], (1, 6, 6)),
        (BYTES.astype(np.int64), (3, 6, 6)),
        (BYTES / np.float32(255), (3, 6, 6)),
        (BYTES[:, :3, :3], None),
        (BYTES[:, :3, :1], None),
    ],
)
def test_layouts(tmp_path: Path, images: np.ndarray, shape: tuple[int, ...] | None) -> None:
    if shape is None:
        with pytest.raises(UsageError, match=r"images (have shape|are 1 x 3)"):
            load(tmp_path, images=images, labels=LABELS)
        return
    data = load(tmp_path, images=images, labels=LABELS)
    assert data.input_shape == shape
    assert (len(data.train), len(data.validation), data.test) == (24, 6, None)
    values = data.train.pixels(range(24))
    assert {round(v) for v in (values * 255).flatten().tolist()} <= set(BYTES.flatten().tolist())


def test_all_splits_names_and_defaults(tmp_path: Path) -> None:
    data = load(
        tmp_path,
        x_train=BYTES,
        y_train=LABELS[:, None],
        x_val=BYTES[:3],
        y_val=LABELS[:3],
        x_test=BYTES[3:9],
        y_test=LABELS[3:9].astype(float),
        classes=np.array(["cat", "dog", "eel"]),
    )
    assert data.test is not None
    assert [len(data.train), len(data.validation), len(data.test)] == [30, 3, 6]
    assert list(data.classes) == ["cat", "dog", "eel"]
    assert data.augment == CropFlip(padding=0, flip=True)
    expected = BYTES.reshape(-1, 3).mean(0) / 255
    assert data.mean == pytest.approx(expected.tolist())


def test_size_and_channels_can_be_chosen(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=BYTES[:, :, :4], labels=LABELS)
    data = load_data(f"npz:{tmp_path / 'set.npz'}?channels=1", image_size=16)
    assert data.input_shape == (1, 16, 16)
    assert data.augment == CropFlip(padding=2, flip=True)


def _with(value: float) -> np.ndarray:
    images = BYTES / np.float32(255)
    images[4, 0, 0, 0] = value
    return images


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": _with(np.nan), "labels": LABELS}, "1 images hold NaN"),
        ({"images": _with(np.inf), "labels": LABELS}, "NaN or infinite"),
        ({"images": BYTES.astype(np.float32), "labels": LABELS}, "scale them to"),
        ({"images": BYTES.astype(np.int32) - 1, "labels": LABELS}, "bytes or floats"),
        ({"images": BYTES, "labels": LABELS - 1}, "from -1 to 1; they must be 0 or more"),
        ({"images": BYTES, "labels": LABELS * 10}, "without gaps"),
        ({"images": BYTES, "labels": LABELS, "classes": ["a", "b"]}, "0 to 1"),
        ({"images": BYTES, "labels": LABELS, "classes": ["a", "b", "c", "d"]}, "no training"),
        ({"images": BYTES, "labels": LABELS + 0.5}, "whole class numbers"),
        ({"images": BYTES, "labels": LABELS[:-1]}, "30 images and 29 labels"),
        ({"images": BYTES, "labels": np.zeros(30, dtype=int)}, "at least two classes"),
        ({"images": BYTES}, "go together"),
        ({"pictures": BYTES, "labels": LABELS}, "go together"),
        ({"pictures": BYTES}, "no training arrays among pictures"),
        ({"images": BYTES.reshape(30, -1), "labels": LABELS}, "shape"),
        ({"images": BYTES[:0], "labels": LABELS[:0]}, "no images"),
        ({"images": np.repeat(BYTES, 2, axis=2), "labels": LABELS}, "image_size"),
    ],
)
def test_bad_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load(tmp_path, **arrays)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    with pytest.raises(UsageError, match="never unpickled"):
        load(tmp_path, images=BYTES, labels=np.array([Bomb(mark)] * 30, dtype=object))
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(UsageError, match="never unpickled"):
        load_data(f"npz:{tmp_path / 'raw.npz'}")
    assert not mark.exists()


def test_files_that_are_not_archives_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", BYTES)
    (tmp_path / "text.npz").write_text("these are not arrays")
    np.savez(tmp_path / "whole.npz", images=BYTES, labels=LABELS)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:900])
    for name in ("one.npy", "text.npz", "cut.npz", "none.npz"):
        with pytest.raises(UsageError, match=name):
            load_data(f"npz:{tmp_path / name}")


def test_the_test_split_is_normalised_like_the_training_split(tmp_path: Path) -> None:
    data = load(tmp_path, x=BYTES, y=LABELS, x_test=BYTES, y_test=LABELS)
    assert data.test is not None
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (data.mean, data.std))
    image = torch.from_numpy(BYTES[0]).permute(2, 0, 1) / 255
    torch.testing.assert_close(data.test[0][0], (image - mean) / std)


@pytest.mark.parametrize("first_is_grey", [True, False])
def test_splits_of_other_channels_are_refused(tmp_path: Path, first_is_grey: bool) -> None:
    parts = [BYTES, BYTES[..., :1]]
    train, validation = reversed(parts) if first_is_grey else parts
    arrays: dict[str, Any] = {
        "images": train,
        "labels": LABELS,
        "images_val": validation,
        "labels_val": LABELS,
    }
    with pytest.raises(UsageError, match=r"validation: image 0 .*\?channels=1 or 3"):
        load(tmp_path, **arrays)
