"""Scores of the students of a space on real images: what the benchmarks of proxies work on.

Every student is scored once, in processes of one thread each, and kept in a file in the user's
cache, so that an interrupted run goes on where it was and one proxy's scores serve several
benchmarks.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from time import perf_counter

import pandas as pd
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nas_kd.user_cache import user_cache
from search_spaces import Arch, create_space
from studies.observer import SilentObserver
from studies.ranking.score_file import ScoreFile
from studies.ranking.scores import Pass, Scores
from studies.ranking.scoring import Bench, prepare_bench
from studies.recipe import parse_recipe
from studies.setting import DEFAULT_TEACHER

_CHUNK = 8


@dataclass(frozen=True)
class Setting:
    """What the scores depend on, beside the proxy.

    Attributes:
        space: Name of the space, with its default options.
        data: Where the images come from.
        image_size: Side of the images.
        images: In the probe batch.
        teacher: For proxies that compare with one.
        seed: Of the probe batch, the weights and the noise.
    """

    space: str
    data: str
    image_size: int
    images: int = 64
    teacher: str = DEFAULT_TEACHER
    seed: int = 0

    def bench(self, proxies: Sequence[str]) -> Bench:
        """The probe batch and the teacher."""
        recipe = parse_recipe(
            {
                "seed": self.seed,
                "data": {"source": self.data, "image_size": self.image_size},
                "teacher": {"source": self.teacher},
                "space": {"name": self.space},
                "search": {"images": self.images},
            }
        )
        return prepare_bench(recipe, create_space(self.space), proxies, SilentObserver())

    def file(self) -> ScoreFile:
        """Where the scores are kept."""
        folder = user_cache() / "benchmarks"
        folder.mkdir(parents=True, exist_ok=True)
        settings = {name: str(value) for name, value in asdict(self).items()}
        digest = hashlib.sha256("\n".join(settings.values()).encode()).hexdigest()[:8]
        return ScoreFile(folder / f"scores-{self.space}-{self.seed}-{digest}.csv", settings)


def scores_of(archs: Sequence[Arch], proxies: Sequence[str], setting: Setting) -> pd.DataFrame:
    """The scores of ``archs`` as they stand, one row an arch in their order, one column a proxy.

    Args:
        archs: Equal ones are scored once.
        proxies: Names of proxies that look at a network.
        setting: What else the scores depend on.
    """
    file = setting.file()
    file.require(proxies)
    scores = Scores(file.passes, keeper=file)
    keys = [arch.key for arch in archs]
    missing = [key for key in dict.fromkeys(keys) if scores.missing(key, proxies)]
    try:
        _score(missing, proxies, setting, scores)
    finally:
        file.flush()
    return pd.DataFrame({name: scores.of(name, keys) for name in proxies})


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
        bar = progress.add_task(f"{setting.space}, seed {setting.seed}", total=len(keys))
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
