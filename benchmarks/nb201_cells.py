"""The cells of NAS-Bench-201 whose accuracies are in the shared data, and how they are scored."""

from __future__ import annotations

import hashlib
from functools import cache

import pandas as pd

from benchmarks.cifar10 import data_file
from benchmarks.proxy_scores import Setting
from search_spaces import NasBench201

SPACE = NasBench201()
"""In the benchmark's own skeleton: 15 cells, 16 channels."""

REDUCED = 16
"""Side of the images where whole halves of the space are scored: a quarter of the pixels is about a
quarter of the time. ``benchmarks.proxy_reproduction`` says how each proxy orders the same cells at
this side and at 32."""


def scoring(seed: int, image_size: int = REDUCED) -> Setting:
    """On real CIFAR-10 images, beside the published ResNet-56."""
    return Setting(
        space=SPACE.name,
        data="benchmarks.cifar10:cifar10_data",
        image_size=image_size,
        teacher="benchmarks.cifar10:resnet56_teacher",
        seed=seed,
    )


def shared_cells() -> pd.DataFrame:
    """The 14,625 shared cells.

    The file's columns, and ``function`` (the canonical arch), ``half`` (``development`` or
    ``report``, by a digest of the function, so that no function is in both) and ``reachable``
    (whether the cell is one of the 8,814 without unreachable operations that other people scored).
    """
    return _shared_cells().copy()


@cache
def _shared_cells() -> pd.DataFrame:
    table = pd.read_csv(data_file("nb201.csv.gz"))
    table["function"] = [SPACE.canonical(SPACE.parse(text)) for text in table["arch"]]
    table["half"] = [_half(arch.key) for arch in table["function"]]
    table["reachable"] = table["idx"].isin(pd.read_csv(data_file("nb201_zc.csv.gz"))["idx"])
    return table


def _half(key: str) -> str:
    even = hashlib.sha256(key.encode()).digest()[-1] % 2 == 0
    return "development" if even else "report"
