"""`Bench`: what the students of a table are scored on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from nas_kd.costs import Limits
from nas_kd.training.default_teacher import DEFAULT_TEACHER, untrained_default_teacher
from proxies import PROXIES, TeacherProbes, score_student
from search_spaces import Arch, SearchSpace, Task, create_space
from studies.counting import counted_costs
from studies.failing_proxy import failing_proxy_named
from studies.observer import Observer
from studies.own_proxies import Trial
from studies.preflight import check_teacher
from studies.proxy_check import tried_first
from studies.proxy_needs import compared_widths, params_bell, wants_size
from studies.ranking.scores import Pass
from studies.recipe import Recipe
from studies.recipe_space import space_of
from studies.setting import load_data_and_teacher, load_recipe_data


@dataclass(frozen=True)
class Bench:
    """What students are scored on; it can be handed to other processes.

    Attributes:
        space_name: Of the space that they come from.
        space_options: Its options.
        task: What they are built for.
        images: Probe batch, ``(batch, channel, height, width)``.
        labels: Its class indices, ``(batch,)``.
        teacher: The teacher on the same batch.
        seed: Seeds the initial weights of every student alike.
    """

    space_name: str
    space_options: Mapping[str, Any]
    task: Task
    images: Tensor
    labels: Tensor
    teacher: TeacherProbes
    seed: int

    @cached_property
    def space(self) -> SearchSpace:
        """The space that the students come from."""
        return create_space(self.space_name, **self.space_options)

    @cached_property
    def _wanted_size(self) -> dict[str, float]:
        """For proxies that prefer a size: that of a search without a limit on parameters."""
        return params_bell(self.space, self.task, Limits({}))

    def __getstate__(self) -> dict[str, Any]:
        """For other processes, which make their own space."""
        return {name: value for name, value in vars(self).items() if name != "space"}

    def costs(self, arch: Arch) -> dict[str, float]:
        """``macs`` and ``params`` of ``arch`` as it stands."""
        return counted_costs(self.space, arch, self.task)

    def score(self, arch: Arch, proxies: Sequence[str]) -> dict[str, float]:
        """Proxy to score of the student ``arch``, larger is better, -inf without a value.

        Raises:
            UsageError: What a proxy needs is not there.
            NasKdError: A proxy failed.
        """
        with failing_proxy_named(arch):
            return score_student(
                lambda: self.space.build(arch, self.task),
                self.images,
                self.labels,
                proxies=proxies,
                features=self.space.features,
                head=self.space.head,
                teacher=self.teacher,
                costs=self.costs(arch) | (self._wanted_size if wants_size(proxies) else {}),
                seed=self.seed,
            )

    def require_faithful(self, proxies: Sequence[str]) -> None:
        """Tries those of other packages on one student, see `Trial.require_faithful`."""
        arch = tried_first(self.space, self.task)
        trial = Trial(
            self.space, arch, self.task, self.images, self.labels, self.teacher, self.seed
        )
        trial.require_faithful(proxies)

    def timed(self, arch: Arch, proxies: Sequence[str]) -> Pass:
        """The scores of `score`, and how long they took."""
        start = time.perf_counter()
        found = self.score(arch, proxies)
        return Pass(arch.key, time.perf_counter() - start, found)


def prepare_bench(recipe: Recipe, proxies: Sequence[str], observer: Observer) -> Bench:
    """Loads data and teacher of the recipe and draws the probe batch.

    The default teacher is not trained unless a proxy looks at trained weights: the others draw the
    teacher's weights anew.

    Raises:
        UsageError: Data, teacher or checkpoint cannot be loaded or do not go together.
    """
    check_teacher(recipe.teacher)
    if recipe.teacher.source != DEFAULT_TEACHER or any(map(_reads_trained_teacher, proxies)):
        data, teacher = load_data_and_teacher(recipe, observer)
    else:
        data = load_recipe_data(recipe)
        teacher = untrained_default_teacher(data, recipe.seed)
    images, labels = data.probe_batch(recipe.search.images, recipe.seed)
    channels, side, _ = data.input_shape
    task = Task(channels, side, data.num_classes)
    return Bench(
        recipe.space.name,
        recipe.space.options,
        task,
        images,
        labels,
        TeacherProbes(
            teacher.model,
            images,
            labels,
            features=teacher.features,
            head=teacher.head,
            seed=recipe.seed,
            widths=compared_widths(proxies, space_of(recipe), task),
        ),
        recipe.seed,
    )


def _reads_trained_teacher(name: str) -> bool:
    proxy = PROXIES.get(name)
    return "teacher" in proxy.needs and proxy.initialisation == "none"
