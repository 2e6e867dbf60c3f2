"""Files that a user should never have to give, made when a test asks for them by name."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CANARY = "executed"
"""Folder that appears when one of the hostile files was executed."""


class _Bomb:
    def __init__(self, canary: Path) -> None:
        self._canary = str(canary)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (self._canary,)


def make(name: str, folder: Path) -> Path:
    """The bad file or folder called ``name``, made in ``folder``."""
    path = folder / "bad" / name
    path.parent.mkdir(exist_ok=True)
    _MAKERS[name](path)
    return path


def _empty_folder(path: Path) -> None:
    path.mkdir()


def _folder_without_images(path: Path) -> None:
    for part in ("train", "val"):
        for label in ("cat", "dog"):
            (path / part / label).mkdir(parents=True)


def _folder_with_broken_image(path: Path) -> None:
    for label in ("cat", "dog"):
        (path / label).mkdir(parents=True)
        for number in range(5):
            (path / label / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\nnot an image")


def _npz(path: Path, **changes: Any) -> None:
    generator = np.random.default_rng(0)
    arrays = {
        "images": generator.random((60, 1, 8, 8), dtype=np.float32),
        "labels": np.arange(60) % 10,
    }
    arrays |= changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def _nan_images(path: Path) -> None:
    images = np.zeros((60, 1, 8, 8), dtype=np.float32)
    images[7] = np.nan
    _npz(path, images=images)


def _bomb_npz(path: Path) -> None:
    _npz(path, labels=np.array([_Bomb(path.parent.parent / CANARY)] * 60, dtype=object))


def _bomb_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(_Bomb(path.parent.parent / CANARY)))


def _other_weights(path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"some.other.weight": torch.zeros(2, 2)}, str(path))


def _small_onnx(path: Path, batch: str | int = "batch", side: str | int = 8) -> None:
    import onnx
    from onnx import TensorProto, helper

    shape = [batch, 1, side, side]
    tensors = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "g", tensors[:1], tensors[1:]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), str(path))


def _student(path: Path, config: str, weights: bytes = b"") -> None:
    path.mkdir()
    (path / "config.json").write_text(config)
    (path / "model.safetensors").write_bytes(weights)
    _small_onnx(path / "student.onnx")


def _run_with(path: Path, recipe: str = "{}", result: str | None = None) -> None:
    path.mkdir()
    (path / "recipe.json").write_text(recipe)
    if result is not None:
        (path / "result.json").write_text(result)


def _pretraining(path: Path) -> None:
    from nas_kd.training.pretraining import PretrainingFolder

    PretrainingFolder(path).claim({"space": "elastic-vit", "space_options": {}})


_MAKERS: dict[str, Callable[[Path], object]] = {
    "empty_folder": _empty_folder,
    "no_images": _folder_without_images,
    "broken_image": _folder_with_broken_image,
    "nan.npz": _nan_images,
    "bomb.npz": _bomb_npz,
    "no_labels.npz": lambda path: _npz(path, labels=None),
    "negative_labels.npz": lambda path: _npz(path, labels=np.arange(60) % 10 - 1),
    "fractional_labels.npz": lambda path: _npz(path, labels=np.linspace(0, 1, 60)),
    "too_few_labels.npz": lambda path: _npz(path, labels=np.arange(59) % 10),
    "flat_images.npz": lambda path: _npz(path, images=np.zeros((60, 64), dtype=np.float32)),
    "no_rows.npz": lambda path: _npz(
        path, images=np.zeros((0, 1, 8, 8), dtype=np.float32), labels=np.zeros(0, dtype=np.int64)
    ),
    "text.npz": lambda path: path.write_text("these are not arrays"),
    "bomb.pt": _bomb_pickle,
    "corrupt.pt": lambda path: path.write_bytes(b"\x00\x01\x02 not weights"),
    "corrupt.safetensors": lambda path: path.write_bytes(b"\xff" * 64),
    "other.safetensors": _other_weights,
    "not_toml.toml": lambda path: path.write_text("[search\ntrials = 3"),
    "binary.toml": lambda path: path.write_bytes(b"\xff\xfe\x00\x80"),
    "unknown_key.toml": lambda path: path.write_text("[search]\ntrails = 3\n"),
    "unknown_section.toml": lambda path: path.write_text("[serch]\ntrials = 3\n"),
    "wrong_type.toml": lambda path: path.write_text('[search]\ntrials = "many"\n'),
    "not_finite.toml": lambda path: path.write_text("[distill]\nlearning_rate = nan\n"),
    "unknown_distiller.toml": lambda path: path.write_text("[distill.distillers]\nkdd = 1.0\n"),
    "clean_maps.toml": lambda path: path.write_text(
        '[distill]\nteacher_views = "clean"\ndistillers = { diswot_mr = 1.0 }\n'
    ),
    "batch_of_one.toml": lambda path: path.write_text("[distill]\nbatch_size = 1\n"),
    "negative_weight.toml": lambda path: path.write_text("[distill.distillers]\nkd = -1.0\n"),
    "no_weight.toml": lambda path: path.write_text(
        "[distill]\nce_weight = 0\ndistillers = { kd = 0 }\n"
    ),
    "fp16.toml": lambda path: path.write_text('[distill]\nprecision = "fp16"\n'),
    "corrupt.onnx": lambda path: path.write_bytes(b"\x08\x07 no model"),
    "any_size.onnx": lambda path: _small_onnx(path, side="side"),
    "notes.txt": lambda path: path.write_text("hello"),
    "student_not_json": lambda path: _student(path, "{"),
    "student_without_arch": lambda path: _student(path, "{}"),
    "run_damaged_recipe": lambda path: _run_with(path, recipe="{"),
    "run_damaged_result": lambda path: _run_with(path, result="{"),
    "run_not_begun": _run_with,
    "supernet": _pretraining,
}
