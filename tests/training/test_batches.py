"""Which images make a batch."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest
import torch

from nas_kd.data import DataSplits
from nas_kd.training.batches import epoch_batches, mixed_seed, read_batches


def test_every_image_comes_at_most_once_and_all_in_turn() -> None:
    seen = torch.cat(epoch_batches(103, 10, seed=1))
    assert len(seen) == 100
    assert len(seen.unique()) == 100
    over_epochs = torch.cat([torch.cat(epoch_batches(103, 10, seed=s)) for s in range(4)])
    assert len(over_epochs.unique()) == 103


def test_the_order_is_that_of_the_seed() -> None:
    first, again, other = (torch.cat(epoch_batches(50, 10, seed=s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_processes_share_every_batch_equally() -> None:
    whole = epoch_batches(103, 10, seed=1, world=1)
    shares = [epoch_batches(103, 10, seed=1, rank=rank, world=2) for rank in range(2)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert [len(part) for part in parts] == [5, 5]
        assert set(torch.cat(parts).tolist()) == set(batch.tolist())
    odd = [epoch_batches(103, 10, seed=1, rank=rank, world=3) for rank in range(3)]
    assert {len(part) for share in odd for part in share} == {3}


def test_a_batch_larger_than_the_data_is_the_data() -> None:
    assert [len(batch) for batch in epoch_batches(7, 10, seed=1)] == [7]


def test_batches_of_like_length_hold_the_same_examples_with_less_padding() -> None:
    lengths = torch.randint(1, 60, (1000,), generator=torch.Generator().manual_seed(0))
    plain = epoch_batches(1000, 16, seed=1)
    grouped = epoch_batches(1000, 16, seed=1, lengths=lengths)
    pools = [torch.cat(each).unique() for each in (plain[:50], grouped[:50])]
    assert torch.equal(*pools)
    assert {len(batch) for batch in grouped} == {16}
    assert len(torch.cat(grouped).unique()) == 992
    padded, tight = (sum(16 * int(lengths[b].max()) for b in each) for each in (plain, grouped))
    assert tight < 1.03 * int(lengths[torch.cat(grouped)].sum()) < 0.6 * padded
    longest = [int(lengths[batch].max()) for batch in grouped[:50]]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))
    shares = [epoch_batches(1000, 16, seed=1, lengths=lengths, rank=r, world=2) for r in range(2)]
    for batch, *parts in zip(grouped, *shares, strict=True):
        assert sorted(torch.cat(parts).tolist()) == sorted(batch.tolist())


@pytest.mark.parametrize("workers", [0, 1])
def test_images_are_read_with_their_indices(digits: DataSplits, workers: int) -> None:
    batches = epoch_batches(40, 16, seed=3)
    read = list(read_batches(digits.train, batches, workers))
    assert len(read) == len(batches)
    for batch, (indices, images, labels) in zip(batches, read, strict=True):
        assert torch.equal(indices, batch)
        expected_images, expected_labels = digits.train.batch(batch)
        assert torch.equal(images, expected_images)
        assert torch.equal(labels, expected_labels)


def test_seeds_are_mixed_and_leave_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    seeds = {
        mixed_seed(seed, epoch, rank) for seed in (0, 1) for epoch in (0, 1) for rank in (0, 1)
    }
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)
    epoch_batches(10, 5, seed=0)
    assert torch.equal(torch.get_rng_state(), state)


def test_ctrl_c_of_a_terminal_leaves_the_readers_at_work(digits: DataSplits) -> None:
    batches = epoch_batches(160, 16, seed=3)
    read = read_batches(digits.train, batches, workers=1)
    next(read)
    (reader,) = multiprocessing.active_children()
    os.kill(int(reader.pid or 0), signal.SIGINT)
    assert len(list(read)) == len(batches) - 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
