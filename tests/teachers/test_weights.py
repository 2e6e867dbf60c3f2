from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from nas_kd.errors import UsageError
from nas_kd.teachers import load_weights
from tests.data.hostile import Bomb


def net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


@pytest.fixture
def weights() -> dict[str, Tensor]:
    return {name: torch.ones_like(value) for name, value in net().state_dict().items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: weights,
        lambda weights: {"state_dict": weights, "epoch": 3, "optimizer": {}},
        lambda weights: {"model": {f"module.{name}": value for name, value in weights.items()}},
        lambda weights: {f"_orig_mod.{name}": value for name, value in weights.items()},
        lambda weights: {"state_dict": {f"model.{name}": value for name, value in weights.items()}},
    ],
)
def test_plain_and_wrapped_state_dicts(
    tmp_path: Path, weights: dict[str, Tensor], wrap: Callable[[Any], Any]
) -> None:
    torch.save(wrap(weights), tmp_path / "weights.pt")
    module = net()
    load_weights(module, tmp_path / "weights.pt")
    assert all((value == 1).all() for value in module.state_dict().values())


def test_safetensors(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    save_file(weights, tmp_path / "weights.safetensors")
    module = net()
    load_weights(module, tmp_path / "weights.safetensors")
    assert all((value == 1).all() for value in module.state_dict().values())


@pytest.mark.parametrize("name", ["bomb.pt", "bomb.safetensors", "bomb.bin"])
def test_a_bomb_is_never_executed(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "executed"
    for write in (_write_pickle, torch.save):
        write({"0.weight": Bomb(mark)}, tmp_path / name)
        with pytest.raises(UsageError, match=name):
            load_weights(net(), tmp_path / name)
    assert not mark.exists()


def _write_pickle(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"0.weight": None}, r"1 missing \(0.weight\)"),
        ({"extra": torch.zeros(1)}, r"1 unexpected \(extra\)"),
        ({"0.weight": torch.zeros(2, 3, 3, 3)}, r"0.weight \(2, 3, 3, 3\) instead of"),
        ({"0.bias": torch.full((2,), torch.nan)}, r"NaN or infinite values \(0.bias\)"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(
    tmp_path: Path, weights: dict[str, Tensor], change: dict[str, Any], words: str
) -> None:
    changed = {name: value for name, value in (weights | change).items() if value is not None}
    save_file(changed, tmp_path / "weights.safetensors")
    module = net()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(UsageError, match=words):
        load_weights(module, tmp_path / "weights.safetensors")
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1, 2], "holds a list"),
        ({}, "it is empty"),
        ({"epoch": 3}, "epoch"),
        ({0: 1.5}, "0"),
        (torch.zeros(3), "holds a Tensor"),
    ],
)
def test_files_that_hold_something_else(tmp_path: Path, content: object, words: str) -> None:
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(UsageError, match=words):
        load_weights(net(), tmp_path / "weights.pt")


def test_damaged_and_missing_files(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    torch.save(weights, tmp_path / "whole.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:500])
    (tmp_path / "noise.safetensors").write_bytes(b"\xff" * 64)
    (tmp_path / "noise.pt").write_bytes(b"\x00\x01\x02 not weights")
    (tmp_path / "empty.pt").write_bytes(b"")
    for name in ("cut.pt", "noise.safetensors", "noise.pt", "empty.pt", "none.pt"):
        with pytest.raises(UsageError, match=name):
            load_weights(net(), tmp_path / name)
    with pytest.raises(UsageError, match="no file"):
        load_weights(net(), tmp_path)
