from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from nas_kd.data import DataSplits, TensorImages, WrappedImages, load_data, stratified_split
from nas_kd.data.augment import CropFlip
from nas_kd.errors import UsageError


class Plain(Dataset[tuple[Tensor, int]]):
    """A data set as a user would write it: no labels attribute, no batches."""

    def __init__(self, images: Tensor, labels: Sequence[int]) -> None:
        self.images = images
        self.classes = labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], self.classes[index]


def make(**changes: Any) -> DataSplits:
    images = torch.randn(12, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    facts: dict[str, Any] = {
        "name": "toy",
        "train": Plain(images, [0, 1, 2] * 4),
        "validation": Plain(images[:3], [0, 1, 2]),
        "test": None,
        "num_classes": 3,
        "input_shape": (1, 4, 4),
        "classes": ["a", "b", "c"],
        "mean": (0.5,),
        "std": (0.25,),
    }
    return DataSplits(**(facts | changes))


def test_digits_are_split_60_20_20_and_the_test_set_is_fixed() -> None:
    first, second = load_data("digits", seed=0), load_data("digits", seed=1)
    assert first.test is not None
    assert second.test is not None
    assert [len(first.train), len(first.validation), len(first.test)] == [1077, 360, 360]
    assert torch.equal(first.test.labels, second.test.labels)
    assert not torch.equal(first.validation.labels, second.validation.labels)
    assert (torch.bincount(first.validation.labels) >= 34).all()
    assert torch.equal(first.train[0][0], load_data("digits", seed=0).train[0][0])


def test_digits_are_normalised_and_no_image_is_in_two_splits() -> None:
    data = load_data("digits")
    assert data.test is not None
    images = data.train.batch(range(len(data.train)))[0]
    assert images.mean() == pytest.approx(0, abs=1e-4)
    assert images.std() == pytest.approx(1, abs=1e-3)
    parts = [part.batch(range(len(part)))[0].flatten(1) for part in (data.train, data.test)]
    shared = {tuple(row) for row in parts[0].tolist()} & {tuple(row) for row in parts[1].tolist()}
    assert not shared


def test_probe_batch_is_balanced_and_decided_by_the_seed() -> None:
    data = load_data("digits")
    images, labels = data.probe_batch(64, seed=5)
    assert images.shape == (64, 1, 8, 8)
    assert sorted(torch.bincount(labels).tolist()) == [6] * 6 + [7] * 4
    again, _ = data.probe_batch(64, seed=5)
    other, _ = data.probe_batch(64, seed=6)
    assert torch.equal(images, again)
    assert not torch.equal(images, other)
    assert len(torch.unique(images.flatten(1), dim=0)) == 64


def test_probe_batch_of_everything_and_of_too_much() -> None:
    data = make()
    assert len(data.probe_batch(12, seed=0)[1]) == 12
    with pytest.raises(UsageError, match="there are 12 for training"):
        data.probe_batch(13, seed=0)


def test_a_plain_data_set_is_wrapped_and_keeps_its_values() -> None:
    images = torch.randn(6, 1, 4, 4)
    data = make(validation=Plain(images, [0, 1, 2] * 2))
    assert isinstance(data.validation, WrappedImages)
    assert data.validation.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert torch.equal(data.validation.batch([4, 0])[0], images[[4, 0]])
    torch.testing.assert_close(data.validation.pixels([1]), images[[1]] * 0.25 + 0.5)
    assert torch.equal(data.validation.subset([5, 2]).subset([1])[0][0], images[2])


def test_labels_are_those_of_the_items_and_read_once() -> None:
    class Paired(Plain):
        """As torchvision has it: raw targets, changed as an item is read."""

        targets = (0, 1, 2, 3) * 3
        read = 0

        def target_transform(self, target: int) -> int:
            return target // 2

        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            self.read += 1
            return self.images[index], self.target_transform(self.targets[index])

    dataset = Paired(torch.rand(12, 1, 4, 4), [])
    images = WrappedImages(dataset, (0.5,), (0.25,))
    assert images.labels.tolist() == [0, 0, 1, 1] * 3
    part = images.subset([2, 4]).normalised((0.0,), (1.0,))
    assert (part.labels.tolist(), dataset.read) == ([1, 0], 12)
    assert torch.allclose(part.batch([1])[0], dataset.images[4:5] * 0.25 + 0.5)


def test_renormalising_is_the_same_by_both_routes() -> None:
    pixels = torch.randint(0, 256, (5, 1, 4, 4), dtype=torch.uint8)
    ours = TensorImages(pixels, torch.zeros(5), (0.5,), (0.25,))
    plain = Plain(ours.batch(range(5))[0], [0] * 5)
    first = make(train=ours).normalised((0.1,), (0.9,))
    second = make(train=plain).normalised((0.1,), (0.9,))
    torch.testing.assert_close(first.train.batch([0, 3])[0], second.train.batch([0, 3])[0])
    assert (first.mean, first.std) == ((0.1,), (0.9,))
    back = second.normalised((0.5,), (0.25,))
    assert torch.equal(back.train.batch([2])[0], plain.images[[2]])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": ["a"]}, "one name per class"),
        ({"input_shape": (1, 4, 5)}, "image_size"),
        ({"std": (0.0,)}, "above zero"),
        ({"mean": (0.1, 0.2)}, "one number per channel"),
        ({"train": TensorDataset(torch.zeros(3, 1, 4, 4))}, "pairs"),
        ({"train": object()}, "no length"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make(**changes)


def test_stratified_split_keeps_shares_and_loses_nobody() -> None:
    labels = torch.tensor([0] * 40 + [1] * 20 + [2] * 20)
    first, second = stratified_split(labels, 0.25, seed=3)
    assert torch.bincount(labels[second]).tolist() == [10, 5, 5]
    assert torch.equal(torch.cat([first, second]).sort().values, torch.arange(80))


@pytest.mark.parametrize(
    ("labels", "share", "words"),
    [
        ([0, 0, 0, 1], 0.5, "class 1 has one example"),
        ([0, 0, 1, 1], 1.5, "share between 0 and 1"),
        ([0, 0, 1, 1], 0.1, "4 examples cannot be split"),
    ],
)
def test_impossible_splits_are_refused(labels: list[int], share: float, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        stratified_split(torch.tensor(labels), share, seed=0)


def test_what_is_delivered_is_judged_on_test_images_where_there_are_any() -> None:
    with_test, without = load_data("digits", seed=0), make(test=None)
    assert (with_test.final, with_test.final_split) == (with_test.test, "test")
    assert (without.final, without.final_split) == (without.validation, "validation")


@pytest.mark.parametrize(
    ("augment", "mirrors"), [(None, False), (CropFlip(), True), (CropFlip(flip=False), False)]
)
def test_whether_images_are_mirrored(augment: CropFlip | None, mirrors: bool) -> None:
    assert make(augment=augment).mirrors == mirrors
