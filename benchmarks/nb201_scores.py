"""Scores of NAS-Bench-201 functions on real CIFAR-10 images: what the benches of proxies work on.

Every function is scored once, in processes of one thread each, and kept in a file, so that an
interrupted run goes on where it was and one proxy's scores serve several benches.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from time import perf_counter

import pandas as pd
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.cifar10 import data_file
from nas_kd.user_cache import user_cache
from search_spaces import Arch, NasBench201
from studies.observer import SilentObserver
from studies.ranking.score_file import ScoreFile
from studies.ranking.scores import Pass, Scores
from studies.ranking.scoring import Bench, prepare_bench
from studies.recipe import parse_recipe

_DATA = "benchmarks.cifar10:cifar10_data"
_TEACHER = "benchmarks.cifar10:resnet56_teacher"
_CHUNK = 8


@dataclass(frozen=True)
class Setting:
    """What the scores depend on, beside the proxy.

    Attributes:
        cells_per_stage: 5 in the benchmark's skeleton; 1 is enough for an order, and faster.
        images: In the probe batch.
        seed: Of the probe batch, the weights and the noise.
    """

    cells_per_stage: int = 1
    images: int = 64
    seed: int = 0

    @property
    def space(self) -> NasBench201:
        return NasBench201(cells_per_stage=self.cells_per_stage)

    def bench(self, proxies: Sequence[str]) -> Bench:
        """The probe batch and the teacher."""
        recipe = parse_recipe(
            {
                "seed": self.seed,
                "data": {"source": _DATA},
                "teacher": {"source": _TEACHER},
                "space": {
                    "name": NasBench201.name,
                    "options": {"cells_per_stage": self.cells_per_stage},
                },
                "search": {"images": self.images},
            }
        )
        return prepare_bench(recipe, self.space, proxies, SilentObserver())

    def file(self) -> ScoreFile:
        """Where the scores are kept, in the user's cache."""
        folder = user_cache() / "benchmarks"
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "cells_per_stage": str(self.cells_per_stage),
            "images": str(self.images),
            "seed": str(self.seed),
        }
        return ScoreFile(folder / ("nb201-" + "-".join(settings.values()) + ".csv"), settings)


def shared_cells() -> pd.DataFrame:
    """The 14,625 shared cells.

    Columns as in the file, and ``key`` of the canonical cell, ``half`` (``development`` or
    ``report``, by a digest of the key, so that no function is in both) and ``reachable`` (whether
    the cell is one of the 8,814 without unreachable operations that other people scored).
    """
    table = pd.read_csv(data_file("nb201.csv.gz"))
    space = NasBench201()
    table["key"] = [space.canonical(space.parse(text)).key for text in table["arch"]]
    table["half"] = table["key"].map(_half)
    table["reachable"] = table["idx"].isin(pd.read_csv(data_file("nb201_zc.csv.gz"))["idx"])
    return table


def _half(key: str) -> str:
    even = hashlib.sha256(key.encode()).digest()[-1] % 2 == 0
    return "development" if even else "report"


def scores_of(
    keys: Sequence[str], proxies: Sequence[str], setting: Setting | None = None
) -> pd.DataFrame:
    """The scores of cells, one row a key, one column a proxy.

    Args:
        keys: Of archs, which are scored as they stand; each once.
        proxies: Names of proxies that look at a network.
        setting: What else the scores depend on.
    """
    setting = setting or Setting()
    file = setting.file()
    file.require(proxies)
    scores = Scores(file.passes, keeper=file)
    distinct = list(dict.fromkeys(keys))
    missing = [key for key in distinct if scores.missing(key, proxies)]
    try:
        _score(missing, proxies, setting, scores)
    finally:
        file.flush()
    columns = {name: scores.of(name, distinct) for name in proxies}
    return pd.DataFrame(columns, index=pd.Index(distinct, name="key"))


def _score(keys: Sequence[str], proxies: Sequence[str], setting: Setting, scores: Scores) -> None:
    if not keys:
        return
    chunks = [keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK)]
    pool = ProcessPoolExecutor(
        max_workers=os.cpu_count(),
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(setting, list(proxies)),
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with pool, Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task(f"scoring, seed {setting.seed}", total=len(keys))
        for done in as_completed([pool.submit(_score_chunk, chunk) for chunk in chunks]):
            for one in done.result():
                scores.add(one)
            progress.advance(bar, len(done.result()))


_worker: tuple[Bench, list[str]]
"""Of a scoring process: the bench and the proxies, made once."""


def _begin(setting: Setting, proxies: list[str]) -> None:
    global _worker
    torch.set_num_threads(1)
    _worker = setting.bench(proxies), proxies


def _score_chunk(keys: Sequence[str]) -> list[Pass]:
    bench, proxies = _worker
    passes = []
    for key in keys:
        start = perf_counter()
        found = bench.score(Arch.from_json(key), proxies)
        passes.append(Pass(key, perf_counter() - start, found))
    return passes
