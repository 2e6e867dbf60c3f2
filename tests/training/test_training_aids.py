"""Auxiliary heads and dropped paths, as networks of the DARTS space have them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from nas_kd.data import DataSplits
from nas_kd.distill import Outputs
from nas_kd.training import TrainingSettings, train_student
from nas_kd.training.objective import Objective
from search_spaces import Task
from search_spaces._darts_modules import DartsNetwork
from search_spaces.darts import Darts

SHORT = TrainingSettings(epochs=2, batch_size=64, learning_rate=0.05)


def network(data: DataSplits, **options: int) -> DartsNetwork:
    space = Darts(channels=2, cells=3, **options)
    torch.manual_seed(0)
    built = space.build(space.parse("DARTS_V2"), Task(1, data.input_shape[-1], data.num_classes))
    assert isinstance(built, DartsNetwork)
    return built


def train(module: DartsNetwork, data: DataSplits, **changes: Any) -> list[dict[str, float]]:
    return train_student(module, data, **{"settings": SHORT, "seed": 0, **changes}).history


def test_an_auxiliary_head_counts_by_its_weight() -> None:
    logits, early, labels = torch.randn(3, 4), torch.randn(3, 4), torch.tensor([0, 1, 2])
    settings = TrainingSettings(auxiliary_weight=0.3, label_smoothing=0.1)
    loss, parts = Objective({}, settings)(Outputs(logits), None, labels, early)
    own, second = (F.cross_entropy(o, labels, label_smoothing=0.1) for o in (logits, early))
    torch.testing.assert_close(loss, own + 0.3 * second)
    torch.testing.assert_close(parts["auxiliary"], second)


def test_the_trainer_trains_it_unless_it_weighs_nothing(digits: DataSplits) -> None:
    begun = network(digits, auxiliary=1).auxiliary
    taught, untaught = network(digits, auxiliary=1), network(digits, auxiliary=1)
    history = train(taught, digits)
    assert history[-1]["auxiliary"] < history[0]["auxiliary"]
    without = train(untaught, digits, settings=replace(SHORT, auxiliary_weight=0))
    assert "auxiliary" not in without[0]
    assert begun is not None
    assert taught.auxiliary is not None
    assert untaught.auxiliary is not None
    first, trained, left = (
        head.state_dict() for head in (begun, taught.auxiliary, untaught.auxiliary)
    )
    assert not torch.equal(first["9.weight"], trained["9.weight"])
    assert all(torch.equal(first[name], left[name]) for name in first)


def test_a_head_that_weighs_nothing_changes_nothing(digits: DataSplits) -> None:
    with_head, plain = network(digits, auxiliary=1), network(digits)
    plain.load_state_dict({n: with_head.state_dict()[n] for n in plain.state_dict()})
    histories = [
        train(module, digits, settings=replace(SHORT, auxiliary_weight=0))
        for module in (with_head, plain)
    ]
    assert histories[0] == histories[1]


def test_dropped_paths_grow_from_none(digits: DataSplits, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    setting = DartsNetwork.set_drop_path

    def watched(self: DartsNetwork, rate: float) -> None:
        rates.append(rate)
        setting(self, rate)

    module = network(digits, drop_path=20)
    monkeypatch.setattr(DartsNetwork, "set_drop_path", watched)
    train(module, digits, settings=replace(SHORT, epochs=4))
    assert rates == pytest.approx([0.0, 0.05, 0.1, 0.15])


def test_a_resumed_training_drops_the_same_paths(digits: DataSplits, tmp_path: Path) -> None:
    whole = train(network(digits, auxiliary=1, drop_path=50), digits)

    def kill(done: int, total: int, best: str) -> None:
        if best:
            raise KeyboardInterrupt

    killed: dict[str, Any] = {"checkpoint_dir": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        train(network(digits, auxiliary=1, drop_path=50), digits, on_progress=kill, **killed)
    assert train(network(digits, auxiliary=1, drop_path=50), digits, **killed) == whole
    assert all(math.isfinite(epoch["auxiliary"]) for epoch in whole)
