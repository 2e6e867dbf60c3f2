"""Which students of a SuperLM are judged with the shared weights."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.trial import Trial

from nas_kd.data.text import TokenSequences
from nas_kd.errors import UsageError
from search_spaces import Arch, Sizes, TextTask, TransformerSpace
from studies.observer import Observer
from studies.samplers import SAMPLERS, SamplerEntry
from studies.supernets.kept_values import CHUNK, KeptValues
from studies.supernets.superlm.proxies import best_by_proxies, require_proxies_of_text

MOST = 1000
"""So many students are all judged, or scored by proxies; beyond that they are sampled."""
_QUARTER = 4
_USUAL = "tpe"


@dataclass(frozen=True)
class Choice:
    """Which of the students within the budget are judged.

    Attributes:
        trials: How many at most. By default `MOST`, or all where the sampler covers a space; with
            proxies a quarter of those scored.
        sampler: Who proposes them where there are more, see `studies.samplers`; None takes TPE.
        proxies: Training-free scores that choose them instead, as a first filter, out of `MOST` at
            random, or of four times as many as ``trials``.
        seed: Of the sampler, of the proxies and of what these look at.

    Raises:
        UsageError: A name is unknown, a number below 1, or both sampler and proxies are to choose.
    """

    trials: int | None = None
    sampler: str | None = None
    proxies: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        SAMPLERS.get(self.sampler or _USUAL)
        require_proxies_of_text(self.proxies)
        if self.proxies and self.sampler is not None:
            raise UsageError(
                f"search: proxies choose who is judged, so that the sampler {self.sampler} would "
                "have no effect. Leave one of the two out."
            )
        if self.trials is not None and self.trials < 1:
            raise UsageError(f"search: trials is {self.trials}; give a number of at least 1.")

    @property
    def entry(self) -> SamplerEntry:
        """The sampler."""
        return SAMPLERS.get(self.sampler or _USUAL)

    def count(self, feasible: int) -> int:
        """How many of so many students are judged."""
        usual = feasible if self.entry.covers_space else MOST
        if self.proxies:
            usual = max(1, self.scored(feasible) // _QUARTER)
        return min(feasible, self.trials or usual)

    def scored(self, feasible: int) -> int:
        """How many of so many students proxies look at."""
        return min(feasible, max(MOST, _QUARTER * (self.trials or 0)))


def judged_losses(
    space: TransformerSpace,
    sizes: Mapping[Arch, Sizes],
    losses: KeptValues,
    choice: Choice,
    *,
    text: TokenSequences,
    task: TextTask,
    observer: Observer,
) -> dict[Arch, float]:
    """The losses of the students that are judged.

    Args:
        space: Where they are from.
        sizes: Those within the budget.
        losses: Judges them.
        choice: Which of them.
        text: What proxies look at.
        task: What students are built for.
        observer: Told of the progress.
    """
    count = choice.count(len(sizes))
    archs = list(sizes)
    _tell_what_is_idle(choice, count, len(archs), observer)
    if choice.proxies and count < len(archs):
        scored = _at_random(archs, choice.scored(len(archs)), choice.seed)
        observer.phase("proxies", len(scored))
        archs = best_by_proxies(
            space, {arch: sizes[arch] for arch in scored}, choice.proxies, text, task,
            count=count, seed=choice.seed, told=lambda done: observer.advance(done),
        )  # fmt: skip
    elif choice.entry.covers_space:
        archs = archs[:count]
    observer.phase("rank", count)
    if count < len(archs):
        return _sampled(space, sizes, losses, choice, count, observer)
    return losses.of(archs, lambda done: observer.advance(done))


def _tell_what_is_idle(choice: Choice, count: int, feasible: int, observer: Observer) -> None:
    """Tells whom nobody had to choose, and what a sampler that covers a space leaves out; of a
    single student there is nothing to tell."""
    if feasible == 1:
        return
    covers = choice.entry.covers_space
    if covers and count < feasible:
        observer.note(
            f"{count:,} of the {feasible:,} students within the budget are judged, the first in "
            "the order of their space. Leave out --trials to judge all."
        )
    chooser = "proxies" if choice.proxies else None if covers else choice.sampler
    if chooser is not None and count == feasible:
        observer.note(
            f"All {feasible:,} students within the budget are judged: {chooser} had none to "
            "choose. Give fewer --trials."
        )


def _at_random(archs: Sequence[Arch], count: int, seed: int) -> list[Arch]:
    """``count`` of them, in their order."""
    drawn = np.random.default_rng(seed).permutation(len(archs))[:count]
    return [archs[place] for place in sorted(drawn)]


def _sampled(
    space: TransformerSpace,
    sizes: Mapping[Arch, Sizes],
    losses: KeptValues,
    choice: Choice,
    count: int,
    observer: Observer,
) -> dict[Arch, float]:
    """``count`` students, proposed batch by batch by what is known of the earlier ones.

    A proposal over the budget, or of a student that was judged already, costs nothing. After a
    batch without a new one, the next is drawn at random from those that are left. Each batch has a
    freshly seeded sampler, so that the same call proposes the same.
    """
    study = optuna.create_study(direction="minimize")
    for arch in space.anchors()[:2]:
        study.enqueue_trial(dict(arch))
    found: dict[Arch, float] = {}
    for batch in itertools.count():
        size = min(CHUNK, count - len(found))
        if size == 0:
            break
        seeds = np.random.SeedSequence([choice.seed, batch])
        seed = int(seeds.generate_state(1)[0])
        study.sampler = choice.entry.build(space, seed, CHUNK)
        trials = [study.ask(dict(space.distributions)) for _ in range(size)]
        archs = [space.canonical(Arch(trial.params)) for trial in trials]
        new = [arch for arch in dict.fromkeys(archs) if arch in sizes and arch not in found]
        found |= losses.of(new)
        worst = max(found.values(), default=0.0)
        for trial, arch in zip(trials, archs, strict=True):
            _tell(study, trial, within=arch in sizes, loss=found.get(arch, worst))
        if not new:
            left = [arch for arch in sizes if arch not in found]
            for place in np.random.default_rng(seeds).permutation(len(left))[:size]:
                study.enqueue_trial(dict(left[place]))
        best = min(found.values(), default=worst)
        observer.advance(len(found), best=f"loss {best:.4g}")
    return found


def _tell(study: optuna.Study, trial: Trial, *, within: bool, loss: float) -> None:
    trial.set_constraint("budget", 0.0 if within else 1.0)
    study.tell(trial, loss)
