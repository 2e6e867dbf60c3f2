"""Scores the functions of a table: one shared pass of all proxies for each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from nas_kd.errors import UsageError
from nas_kd.training.default_teacher import untrained_default_teacher
from proxies import PROXIES, TeacherProbes, score_student
from search_spaces import Arch, SearchSpace, Task
from studies.candidates import counted_costs
from studies.observer import Observer
from studies.ranking.scores import Pass, Scores
from studies.recipe import Recipe
from studies.setting import DEFAULT_TEACHER, load_data_and_teacher, load_recipe_data


@dataclass(frozen=True)
class Bench:
    """What students are scored on.

    Attributes:
        space: The space that they come from.
        task: What they are built for.
        images: Probe batch, ``(batch, channel, height, width)``.
        labels: Its class indices, ``(batch,)``.
        teacher: The teacher on the same batch.
        seed: Seeds the initial weights of every student alike.
    """

    space: SearchSpace
    task: Task
    images: Tensor
    labels: Tensor
    teacher: TeacherProbes
    seed: int

    def costs(self, arch: Arch) -> dict[str, float]:
        """``macs`` and ``params`` of ``arch`` as it stands."""
        return counted_costs(self.space, arch, self.task)

    def score(self, arch: Arch, proxies: Sequence[str]) -> dict[str, float]:
        """Proxy to score of the student ``arch``, larger is better, -inf without a value.

        Raises:
            UsageError: What a proxy needs is not there.
        """
        return score_student(
            lambda: self.space.build(arch, self.task),
            self.images,
            self.labels,
            proxies=proxies,
            features=self.space.features,
            head=self.space.head,
            teacher=self.teacher,
            costs=self.costs(arch),
            seed=self.seed,
        )


def prepare_bench(
    recipe: Recipe, space: SearchSpace, proxies: Sequence[str], observer: Observer
) -> Bench:
    """Loads data and teacher of the recipe and draws the probe batch.

    The default teacher is not trained unless a proxy looks at trained weights: the others draw the
    teacher's weights anew.
    """
    if recipe.teacher.source != DEFAULT_TEACHER or any(map(_reads_trained_teacher, proxies)):
        data, teacher = load_data_and_teacher(recipe, observer)
    else:
        data = load_recipe_data(recipe)
        teacher = untrained_default_teacher(data, recipe.seed)
    images, labels = data.probe_batch(recipe.search.images, recipe.seed)
    channels, side, _ = data.input_shape
    return Bench(
        space,
        Task(channels, side, data.num_classes),
        images,
        labels,
        TeacherProbes(
            teacher.model,
            images,
            labels,
            features=teacher.features,
            head=teacher.head,
            seed=recipe.seed,
        ),
        recipe.seed,
    )


def usable_proxies(names: Sequence[str], bench: Bench, arch: Arch) -> tuple[list[str], list[str]]:
    """``names`` by whether what they need is there: those that score ``arch``, and the others."""
    usable, others = [], []
    for name in names:
        try:
            bench.score(arch, [name])
            usable.append(name)
        except UsageError:
            others.append(name)
    return usable, others


def score_functions(
    functions: Sequence[Arch],
    proxies: Sequence[str],
    bench: Bench,
    scores: Scores,
    observer: Observer,
) -> None:
    """Adds to ``scores`` what it lacks of ``proxies``, each function once."""
    distinct = {arch.key: arch for arch in functions}
    missing = {key: names for key in distinct if (names := scores.missing(key, proxies))}
    if not missing:
        return
    if len(missing) < len(distinct):
        observer.note(f"{len(distinct) - len(missing)} of {len(distinct)} are scored already.")
    observer.phase("score", len(missing))
    for done, (key, names) in enumerate(missing.items(), start=1):
        start = time.perf_counter()
        found = bench.score(distinct[key], names)
        scores.add(Pass(key, time.perf_counter() - start, found))
        observer.advance(done)


def _reads_trained_teacher(name: str) -> bool:
    proxy = PROXIES.get(name)
    return "teacher" in proxy.needs and proxy.initialisation == "none"
