"""The teacher that is trained on the spot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from nas_kd.data import DataSplits
from nas_kd.errors import NasKdError
from nas_kd.training import DigitsResNet, TrainingSettings, default_teacher, train_default_teacher
from nas_kd.training.default_teacher import SETTINGS

ONE_EPOCH = TrainingSettings(epochs=1, batch_size=64)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default_teacher, "WIDTH", 4)
    monkeypatch.setattr(default_teacher, "BLOCKS", 1)


def same(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_it_is_trained_once_and_then_loaded(digits: DataSplits, tmp_path: Path) -> None:
    told: list[int] = []

    def make(cache: Path) -> nn.Module:
        return train_default_teacher(
            digits,
            cache_dir=cache,
            seed=0,
            settings=ONE_EPOCH,
            on_progress=lambda done, total, best: told.append(done),
        ).model

    first = make(tmp_path / "a")
    assert told
    told.clear()
    assert same(make(tmp_path / "a"), first)
    assert not told
    assert [path.suffix for path in (tmp_path / "a").iterdir()] == [".safetensors"]
    assert same(make(tmp_path / "b"), first)


def test_it_is_a_teacher_for_this_data(digits: DataSplits, tmp_path: Path) -> None:
    teacher = train_default_teacher(digits, cache_dir=tmp_path, seed=0, settings=ONE_EPOCH)
    assert (teacher.name, teacher.num_classes) == ("digits-cnn", 10)
    assert (teacher.mean, teacher.std) == (digits.mean, digits.std)
    head = teacher.model.get_submodule(teacher.head)
    assert isinstance(head, nn.Linear)
    assert head.out_features == 10
    for name in teacher.features:
        teacher.model.get_submodule(name)
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters())
    assert not teacher.model.training


def test_other_data_seeds_and_settings_have_files_of_their_own(
    digits: DataSplits, tmp_path: Path
) -> None:
    fewer = replace(digits, train=digits.train.subset(range(128)))
    train_default_teacher(digits, cache_dir=tmp_path, seed=0, settings=ONE_EPOCH)
    train_default_teacher(digits, cache_dir=tmp_path, seed=1, settings=ONE_EPOCH)
    train_default_teacher(fewer, cache_dir=tmp_path, seed=0, settings=ONE_EPOCH)
    slower = replace(ONE_EPOCH, learning_rate=0.01)
    train_default_teacher(digits, cache_dir=tmp_path, seed=0, settings=slower)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_damaged_file_is_made_anew(digits: DataSplits, tmp_path: Path) -> None:
    first = train_default_teacher(digits, cache_dir=tmp_path, seed=0, settings=ONE_EPOCH)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:100])
    again = train_default_teacher(digits, cache_dir=tmp_path, seed=0, settings=ONE_EPOCH)
    assert same(first.model, again.model)
    assert path.read_bytes() == content


def test_an_interrupted_training_continues(digits: DataSplits, tmp_path: Path) -> None:
    settings = replace(ONE_EPOCH, epochs=3)
    expected = train_default_teacher(
        digits, cache_dir=tmp_path / "whole", seed=0, settings=settings
    )

    def interrupt(done: int, total: int, best: str) -> None:
        if best:
            raise KeyboardInterrupt

    told: list[float] = []
    shared = {"cache_dir": tmp_path / "parts", "seed": 0, "settings": settings}
    with pytest.raises(KeyboardInterrupt):
        train_default_teacher(digits, **shared, on_progress=interrupt)  # type: ignore[arg-type]
    resumed = train_default_teacher(
        digits,
        **shared,  # type: ignore[arg-type]
        on_progress=lambda done, total, best: told.append(done / total),
    )
    assert told[0] > 1 / 3
    assert told[-1] == 1
    assert same(resumed.model, expected.model)


def test_a_cache_that_cannot_be_written_is_an_error(digits: DataSplits, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NasKdError, match="cannot be written"):
        train_default_teacher(
            digits, cache_dir=tmp_path / "file" / "cache", seed=0, settings=ONE_EPOCH
        )


def test_the_network_halves_its_maps_and_doubles_its_width() -> None:
    model = DigitsResNet(1, 10, width=32, blocks=3)
    shapes: list[tuple[int, ...]] = []
    for name in ("stage1", "stage2", "stage3"):
        model.get_submodule(name).register_forward_hook(
            lambda module, inputs, output: shapes.append(tuple(output.shape))
        )
    assert model.eval()(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert shapes == [(2, 32, 8, 8), (2, 64, 4, 4), (2, 128, 2, 2)]
    convolutions = [
        m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size[0] == 3
    ]
    assert len(convolutions) == 6 * 3 + 1
    assert SETTINGS.epochs is not None
