"""Scores of the students of a space on real images: what the benchmarks of proxies work on.

Every student is scored once, by the scorer of ``nas-kd rank``, and kept in a file in the user's
cache, so that an interrupted run goes on where it was and one proxy's scores serve several
benchmarks. The file is named by everything that decides a score, the code of the proxies and of the
space included: scores that other code made are not used.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from nas_kd.cli.progress import watching
from nas_kd.training.default_teacher import DEFAULT_TEACHER
from nas_kd.user_cache import user_cache
from search_spaces import Arch, SearchSpace
from studies.observer import SilentObserver
from studies.ranking.bench import Bench, prepare_bench
from studies.ranking.score_file import ScoreFile
from studies.ranking.score_settings import score_settings
from studies.ranking.scores import Scores
from studies.ranking.scoring import score_functions
from studies.recipe import Recipe
from studies.recipe_files import parse_recipe
from studies.recipe_space import space_of


@dataclass(frozen=True)
class Setting:
    """What the scores depend on, beside the proxy.

    Attributes:
        space: Name of the space.
        data: Where the images come from.
        image_size: Side of the images.
        images: In the probe batch.
        teacher: For proxies that compare with one.
        seed: Of the probe batch, the weights and the noise.
        options: Of the space.
    """

    space: str
    data: str
    image_size: int
    images: int = 64
    teacher: str = DEFAULT_TEACHER
    seed: int = 0
    options: Mapping[str, int] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, object]:
        """What belongs beside every figure that rests on the scores."""
        options = {f"space_option_{name}": value for name, value in self.options.items()}
        return {"image_size": self.image_size, "images": self.images, **options}

    def recipe(self) -> Recipe:
        """As ``nas-kd rank`` and a search would have it."""
        return parse_recipe(
            {
                "seed": self.seed,
                "data": {"source": self.data, "image_size": self.image_size},
                "teacher": {"source": self.teacher},
                "space": {"name": self.space, "options": dict(self.options)},
                "search": {"images": self.images},
            }
        )

    def create_space(self) -> SearchSpace:
        """The space, with its options."""
        return space_of(self.recipe())

    def bench(self, proxies: Sequence[str]) -> Bench:
        """The probe batch and the teacher."""
        return prepare_bench(self.recipe(), proxies, SilentObserver())

    def file(self) -> ScoreFile:
        """Where the scores are kept."""
        folder = user_cache() / "benchmarks"
        folder.mkdir(parents=True, exist_ok=True)
        settings = score_settings(self.recipe())
        digest = hashlib.sha256("\n".join(settings.values()).encode()).hexdigest()[:8]
        return ScoreFile(folder / f"scores-{self.space}-{self.seed}-{digest}.csv", settings)


def processes() -> int:
    """How many students are scored at a time, in one thread each."""
    return os.cpu_count() or 1


def scored(archs: Sequence[Arch], proxies: Sequence[str], setting: Setting) -> Scores:
    """The scores of ``archs`` as they stand, and what they took.

    Args:
        archs: Equal ones are scored once.
        proxies: Names of proxies that look at a network.
        setting: What else the scores depend on.
    """
    file = setting.file()
    file.require(proxies)
    scores = Scores(file.passes, keeper=file)
    if not any(scores.missing(arch.key, proxies) for arch in archs):
        return scores
    try:
        with watching() as observer:
            observer.note(f"{setting.space}, seed {setting.seed}: {', '.join(proxies)}")
            bench = setting.bench(proxies)
            score_functions(archs, proxies, bench, scores, observer, processes())
    finally:
        file.flush()
    return scores


def scores_of(archs: Sequence[Arch], proxies: Sequence[str], setting: Setting) -> pd.DataFrame:
    """The scores of ``archs`` as they stand, one row an arch in their order, one column a proxy."""
    scores, keys = scored(archs, proxies, setting), [arch.key for arch in archs]
    return pd.DataFrame({name: scores.of(name, keys) for name in proxies})


def cifar100_setting(space: str, image_size: int, images: int, **options: int) -> Setting:
    """Real CIFAR-100 images beside an untrained ResNet-56, for the distillation benches."""
    return Setting(
        space,
        "benchmarks.cifar100:cifar100_data",
        image_size,
        images=images,
        teacher="benchmarks.cifar100:untrained_resnet56_teacher",
        options=options,
    )
