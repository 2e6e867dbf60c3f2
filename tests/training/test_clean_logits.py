"""The kept logits of a teacher: computed once, and believed only while they are its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nas_kd.training.clean_logits import BATCH, clean_logits

COUNT = 2 * BATCH + 5


class Runs:
    """A teacher over indices that counts the images it has seen."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.images = 0

    def __call__(self, indices: Tensor) -> Tensor:
        self.images += len(indices)
        return self.scale * torch.stack((indices.float(), indices.float().sin()), dim=1)


def test_the_second_time_only_two_batches_are_looked_at(tmp_path: Path) -> None:
    first, second = Runs(), Runs()
    logits = clean_logits(COUNT, first, tmp_path / "logits.safetensors")
    again = clean_logits(COUNT, second, tmp_path / "logits.safetensors")
    assert torch.equal(logits, Runs()(torch.arange(COUNT)))
    assert torch.equal(again, logits)
    assert (first.images, second.images) == (COUNT, BATCH + 5)


def other_images(path: Path) -> None:
    clean_logits(COUNT - 1, Runs(), path)


def other_teacher(path: Path) -> None:
    clean_logits(COUNT, Runs(scale=2.0), path)


def cut_short(path: Path) -> None:
    clean_logits(COUNT, Runs(), path)
    path.write_bytes(path.read_bytes()[:1000])


def not_ours(path: Path) -> None:
    path.write_bytes(b"not a safetensors file")


def one_bit(path: Path) -> None:
    """In the middle batch, on which no teacher is asked."""
    clean_logits(COUNT, Runs(), path)
    content = bytearray(path.read_bytes())
    content[-8 * (5 + BATCH // 2)] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("spoil", [other_images, other_teacher, cut_short, not_ours, one_bit])
def test_a_file_of_something_else_is_replaced(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "logits.safetensors"
    spoil(path)
    assert torch.equal(clean_logits(COUNT, Runs(), path), Runs()(torch.arange(COUNT)))
    counting = Runs()
    clean_logits(COUNT, counting, path)
    assert counting.images == BATCH + 5


def test_nothing_is_kept_without_a_file_or_by_a_process_that_does_not_write(
    tmp_path: Path,
) -> None:
    path = tmp_path / "logits.safetensors"
    clean_logits(COUNT, Runs(), None)
    clean_logits(COUNT, Runs(), path, writes=False)
    assert not list(tmp_path.iterdir())
