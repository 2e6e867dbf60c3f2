"""Batch-norm statistics of extracted networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from nas_kd.training.recalibrate import recalibrated
from tests.search_spaces.elastic import TASK, supernet


def test_statistics_are_means_over_the_batches() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, momentum=0.3), nn.Dropout(0.9))
    nn.init.constant_(network[1].running_mean, 7)
    batches = _batches(3)
    student = recalibrated(network, batches)
    outputs = [network[0](batch) for batch in batches]
    norm = student.get_submodule("1")
    assert isinstance(norm, nn.BatchNorm2d)
    means = torch.stack([output.mean((0, 2, 3)) for output in outputs])
    variances = torch.stack([output.var((0, 2, 3)) for output in outputs])
    torch.testing.assert_close(norm.running_mean, means.mean(0))
    torch.testing.assert_close(norm.running_var, variances.mean(0))
    assert norm.momentum == 0.3
    assert not any(module.training for module in student.modules())


def test_only_the_copy_changes() -> None:
    made = supernet("elastic-resnet", group_norm=0)
    student = made.extract(made.space.smallest)
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    fresh = recalibrated(student, _batches(2)).state_dict()
    after = student.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    changed = {name for name in before if not torch.equal(fresh[name], before[name])}
    assert changed == {name for name in before if "running" in name or "num_batches" in name}


def test_a_second_time_gives_the_same() -> None:
    made = supernet("elastic-resnet", group_norm=0)
    once = recalibrated(made.extract(made.space.smallest), _batches(2))
    twice = recalibrated(once, _batches(2))
    assert all(map(torch.equal, once.state_dict().values(), twice.state_dict().values()))


def test_dropout_and_drop_path_are_off() -> None:
    network = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(3)).train()
    batch = _batches(1)[0]
    norm = recalibrated(network, [batch]).get_submodule("1")
    torch.testing.assert_close(norm.running_mean, batch.mean((0, 2, 3)))


def test_networks_without_batch_norm_read_nothing() -> None:
    made = supernet("elastic-vit")
    student = made.extract(made.space.smallest)
    same = recalibrated(student, iter([]))
    x = _batches(1)[0]
    assert same is not student
    assert torch.equal(same(x), student(x))


def test_no_batches_are_refused() -> None:
    with pytest.raises(UsageError, match="no batches"):
        recalibrated(nn.BatchNorm2d(3), [])


def _batches(number: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(8, *TASK.input_shape, generator=generator) * (1 + index) + index
        for index in range(number)
    ]
