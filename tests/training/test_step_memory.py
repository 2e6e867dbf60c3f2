"""What a step takes of the memory is known before the training, and disturbs nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW

from nas_kd.costs.memory import FreeMemory
from nas_kd.data import DataSplits
from nas_kd.errors import NasKdError
from nas_kd.training import TrainingResult, TrainingSettings, enough_memory, train_student
from nas_kd.training.step_memory import StepMemory, find_step_memory
from tests.training.conftest import TinyNet, tiny

FLOAT = 4


def test_every_storage_counts_once_and_weights_do_not() -> None:
    """A linear layer keeps its input, ReLU in place its output, which the next layer takes."""
    network = nn.Sequential(nn.Linear(8, 16), nn.ReLU(inplace=True), nn.Linear(16, 4, bias=False))
    memory = find_step_memory(
        lambda images: network(torch.zeros(images, 8)), network, SGD(network.parameters(), lr=1.0)
    )
    weights = 8 * 16 + 16 + 16 * 4
    assert memory == StepMemory(fixed=FLOAT * weights, per_image=FLOAT * (8 + 16))
    assert memory.of(10) == FLOAT * (weights + 10 * 24)
    assert memory.most_images(memory.of(10) + 1) == 10
    assert memory.most_images(0) == 0


@pytest.mark.parametrize(
    ("make", "copies"),
    [(lambda w: SGD(w, lr=0.1), 1), (lambda w: SGD(w, lr=0.1, momentum=0.9), 2), (AdamW, 3)],
    ids=["sgd", "momentum", "adamw"],
)
def test_gradients_and_optimiser_state_count_until_they_are_there(
    make: Callable[[Any], torch.optim.Optimizer], copies: int
) -> None:
    network = nn.Linear(8, 4)
    optimizer = make(network.parameters())

    def forward(images: int) -> Tensor:
        logits: Tensor = network(torch.zeros(images, 8))
        return logits

    assert find_step_memory(forward, network, optimizer).fixed == FLOAT * 36 * copies
    forward(2).sum().backward()
    optimizer.step()
    assert find_step_memory(forward, network, optimizer).fixed == 0


def test_buffers_and_random_state_are_as_before(student: TinyNet) -> None:
    before = {name: value.clone() for name, value in student.state_dict().items()}
    torch.manual_seed(3)
    drawn = torch.rand(4)
    torch.manual_seed(3)
    optimizer = SGD(student.parameters(), lr=0.1)
    find_step_memory(lambda n: student(torch.rand(n, 1, 8, 8)), student.train(), optimizer)
    assert torch.equal(torch.rand(4), drawn)
    for name, value in student.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from Linux")
def test_the_peak_of_a_training_is_near_what_was_told() -> None:
    """Of a network with inverted bottlenecks, a transformer and a residual network."""
    cases = ["nasbench-macro 64 32 sgd", "pit 64 32 adamw", "cifar-resnet 64 24 sgd"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.training.step_peak", *cases],
        check=True,
        capture_output=True,
        text=True,
    )
    for case, found in zip(cases, json.loads(ran.stdout.splitlines()[-1]), strict=True):
        assert 0.9 < found["peak"] / found["least"] < enough_memory.PEAK, (case, found)


def trained(
    digits: DataSplits,
    monkeypatch: pytest.MonkeyPatch,
    free: FreeMemory | None,
    notes: list[str] | None = None,
) -> TrainingResult:
    monkeypatch.setattr(enough_memory, "free_memory", lambda: free)
    settings = TrainingSettings(epochs=2, batch_size=32)
    note = None if notes is None else notes.append
    return train_student(tiny(), digits, settings=settings, seed=0, on_note=note)


def test_a_training_that_does_not_fit_is_refused_before_its_first_step(
    digits: DataSplits, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NasKdError) as refused:
        trained(digits, monkeypatch, FreeMemory(ram=20_000))
    said = str(refused.value)
    assert said.startswith("training: a step with 32 images takes at least 0.00 GB")
    assert "Set batch_size (distill.batch_size in a recipe) to " in said
    assert "--image-size" in said
    with pytest.raises(NasKdError, match=r"the program\. Take smaller images"):
        trained(digits, monkeypatch, FreeMemory(ram=1000))


def test_a_training_that_may_not_fit_is_told_and_the_result_is_the_same(
    digits: DataSplits, monkeypatch: pytest.MonkeyPatch
) -> None:
    untold: list[str] = []
    unknown = trained(digits, monkeypatch, None, untold)
    told: list[str] = []
    warned = trained(digits, monkeypatch, FreeMemory(ram=60_000, swap=2**30), told)
    plenty = trained(digits, monkeypatch, FreeMemory(ram=2**40), untold)
    assert not untold
    (line,) = told
    assert line.startswith("WARNING: a step with 32 images takes at least")
    for other in (warned, plenty):
        assert other.history == unknown.history
        for name, value in unknown.best_state.items():
            assert torch.equal(value, other.best_state[name]), name


def test_the_images_of_a_step_are_those_that_there_are(
    digits: DataSplits, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(digits, train=digits.train.subset(range(8)))
    with pytest.raises(NasKdError, match="a step with 8 images"):
        trained(few, monkeypatch, FreeMemory(ram=0))
