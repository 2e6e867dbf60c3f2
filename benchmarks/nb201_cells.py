"""The cells of NAS-Bench-201 whose accuracies are in the shared data, and how they are scored."""

from __future__ import annotations

import hashlib

import pandas as pd

from benchmarks.cifar10 import data_file
from benchmarks.proxy_scores import Setting
from search_spaces import NasBench201

SPACE = NasBench201()
"""In the benchmark's own skeleton: 15 cells, 16 channels."""


def scoring(seed: int) -> Setting:
    """On real CIFAR-10 images of 16 x 16.

    A quarter of the pixels is a quarter of the time; the proxies keep their order (see
    ``benchmarks.proxy_reproduction``).
    """
    return Setting(
        space=SPACE.name,
        data="benchmarks.cifar10:cifar10_data",
        image_size=16,
        teacher="benchmarks.cifar10:resnet56_teacher",
        seed=seed,
    )


def shared_cells() -> pd.DataFrame:
    """The 14,625 shared cells.

    The file's columns, and ``function`` (the canonical arch), ``half`` (``development`` or
    ``report``, by a digest of the function, so that no function is in both) and ``reachable``
    (whether the cell is one of the 8,814 without unreachable operations that other people scored).
    """
    table = pd.read_csv(data_file("nb201.csv.gz"))
    table["function"] = [SPACE.canonical(SPACE.parse(text)) for text in table["arch"]]
    table["half"] = [_half(arch.key) for arch in table["function"]]
    table["reachable"] = table["idx"].isin(pd.read_csv(data_file("nb201_zc.csv.gz"))["idx"])
    return table


def _half(key: str) -> str:
    even = hashlib.sha256(key.encode()).digest()[-1] % 2 == 0
    return "development" if even else "report"
