"""Tensors on disk."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from nas_kd.tensor_files import errors_of_the_disk, save_tensors


def test_tensors_strided_in_any_way_come_back(tmp_path: Path) -> None:
    file, tensor = tmp_path / "a.safetensors", torch.rand(2, 3, requires_grad=True).T
    save_tensors(file, {"x": tensor})
    assert torch.equal(load_file(file)["x"], tensor.detach())


def test_a_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    with pytest.raises(OSError, match=r"a\.safetensors") as caught, errors_of_the_disk(file):
        raise SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        )
    assert caught.value.errno == errno.ENOSPC


def test_other_errors_of_safetensors_stay(tmp_path: Path) -> None:
    with pytest.raises(SafetensorError), errors_of_the_disk(tmp_path):
        raise SafetensorError("invalid header")


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save_tensors(tmp_path / "none" / "a.safetensors", {"x": torch.zeros(1)})
