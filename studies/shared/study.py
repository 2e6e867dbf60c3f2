"""The study that several hosts have in common: recipe, facts, trials, and who finishes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from nas_kd.errors import NasKdError, UsageError
from studies.objectives import directions
from studies.recipe import Recipe
from studies.recipe_files import parse_recipe
from studies.shared.lease import holder, lease
from studies.shared.work import WorkStudy

_RECIPE = "recipe"
_FINISHED = "finished"
_FINISH = "finish"
_ROWS = "rows"
_WAIT_S = 0.5


class SharedStudy:
    """One study in a storage that all hosts reach.

    Its trials are those of a search in one process, row for row. The work itself, with what was
    lost and retried, is in a study of its own beside it, ``<name>.work``.

    Args:
        storage: Where it is.
        name: Its name, the same on every host.
        recipe: What is searched; the first process keeps it in the study.
        owner: This host and run directory.
        heartbeat_s: Between two signs of life; without it, what the environment says.

    Raises:
        UsageError: The study of this name was made with another recipe, or by something else; or
            the environment says no number of seconds.
    """

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        recipe: Recipe,
        owner: str,
        heartbeat_s: float | None = None,
    ) -> None:
        self.name = name
        self._study = optuna.create_study(
            study_name=name,
            storage=storage,
            directions=directions(recipe.search.objectives),
            load_if_exists=True,
        )
        self.work = WorkStudy(storage, f"{name}.work", owner, heartbeat_s)
        try:
            self._agree_on(recipe)
        except BaseException:
            self.work.close()
            raise

    def fact(self, name: str, find: Callable[[], Any]) -> Any:
        """What the first process found out and all others take over.

        Args:
            name: Of the fact.
            find: Finds it out, in a form for JSON; called by one process at a time.
        """
        while name not in (known := self._study.user_attrs):
            with lease(self.work, name) as held:
                if held and name not in self._study.user_attrs:
                    self._study.set_user_attr(name, find())
            if not held:
                time.sleep(_WAIT_S)
        return known[name]

    def trials_after(self, count: int) -> list[FrozenTrial]:
        """The trials of the study but the first ``count``."""
        return self._study.get_trials(deepcopy=False)[count:]

    def settle(self, trials: Sequence[FrozenTrial], first: int) -> None:
        """Adds those of this process's trials that the study does not hold yet.

        Args:
            trials: All of them, in order.
            first: The first one that was not settled before.

        Raises:
            NasKdError: The study holds other trials.
        """
        while len(self.trials_after(0)) < len(trials):
            with lease(self.work, _ROWS) as held:
                if held:
                    self._study.add_trials(trials[len(self.trials_after(0)) :])
            if not held:
                time.sleep(_WAIT_S)
        for mine, theirs in zip(trials[first:], self.trials_after(first), strict=False):
            if mine.params != theirs.params:
                raise NasKdError(
                    f"--storage: study {self.name} has another trial {theirs.number} than the one "
                    "proposed here. Use the same versions of nas-kd, optuna and numpy on all "
                    "hosts, and name a new --run-dir here: it takes over what the study holds."
                )

    @contextmanager
    def finishing(self) -> Iterator[str | None]:
        """Who measures and distils the finalists: None for this process, else who does or did."""
        pulses: set[Any] = set()
        while True:
            with lease(self.work, _FINISH) as held:
                if held:
                    done_by = self._study.user_attrs.get(_FINISHED)
                    yield None if done_by == self.work.owner else done_by
                    if done_by is None:
                        self._study.set_user_attr(_FINISHED, self.work.owner)
                    return
            other = holder(self.work, _FINISH)
            if other is not None:
                pulses.add(self.work.pulse(other))
                if len(pulses) > 1:
                    yield self.work.owner_of(other)
                    return
            time.sleep(_WAIT_S)

    def _agree_on(self, recipe: Recipe) -> None:
        theirs = parse_recipe(self.fact(_RECIPE, lambda: self._begin(recipe)))
        changed = theirs.changes(recipe)
        if changed:
            raise UsageError(
                f"--storage: study {self.name} was begun with another recipe "
                f"({', '.join(changed)} changed). Use the same recipe on every host, or name "
                "another --study-name."
            )

    def _begin(self, recipe: Recipe) -> dict[str, Any]:
        if self.trials_after(0):
            raise UsageError(
                f"--storage: study {self.name} is not of nas-kd. Name another --study-name."
            )
        self._study.set_metric_names(list(recipe.search.objectives))
        return recipe.model_dump(mode="json")
