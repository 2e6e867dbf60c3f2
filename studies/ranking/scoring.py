"""Scores the functions of a table: one shared pass of all proxies for each, several at a time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nas_kd.errors import NasKdError
from search_spaces import Arch
from studies.observer import Observer
from studies.ranking.bench import Bench
from studies.ranking.scores import Pass, Scores
from studies.workers import CHANCES, Workers, open_workers

_WAIT_S = 60.0


@dataclass(frozen=True)
class _Scoring:
    """What scoring processes are given.

    Attributes:
        bench: What students are scored on.
        missing: Key of an arch to the proxies that are to score it.
    """

    bench: Bench
    missing: Mapping[str, Sequence[str]]

    def evaluator(self) -> _Scoring:
        return self

    def evaluate(self, arch: Arch) -> Pass:
        return self.bench.timed(arch, self.missing[arch.key])


def score_functions(
    functions: Sequence[Arch],
    proxies: Sequence[str],
    bench: Bench,
    scores: Scores,
    observer: Observer,
    workers: int = 1,
) -> None:
    """Adds to ``scores`` what it lacks of ``proxies``, each function once.

    Every function is scored in one thread: its scores depend neither on ``workers`` nor on the
    cores of the machine.

    Args:
        functions: Archs, scored as they stand.
        proxies: Names of proxies.
        bench: What they are scored on.
        scores: Told of every pass as soon as it is over.
        observer: Told about the progress.
        workers: Functions scored at a time, each in a process of its own; for one, this process.

    Raises:
        UsageError: What a proxy needs is not there.
        NasKdError: Two processes ended over the same function.
    """
    distinct = {arch.key: arch for arch in functions}
    missing = {key: names for key in distinct if (names := scores.missing(key, proxies))}
    if not missing:
        return
    if len(missing) < len(distinct):
        observer.note(f"{len(distinct) - len(missing)} of {len(distinct)} are scored already.")
    observer.phase("score", len(missing))
    scoring = _Scoring(bench, missing)
    with open_workers(scoring, scoring, workers) as crew:
        archs = [distinct[key] for key in missing]
        for done, found in enumerate(_passes(archs, crew), start=1):
            scores.add(found)
            observer.advance(done)


def _passes(archs: Sequence[Arch], workers: Workers[Pass]) -> Iterator[Pass]:
    """The passes of all archs, each as soon as it is over."""
    waiting, unfinished = deque(archs), len(archs)
    deaths: Counter[Arch] = Counter()
    while unfinished:
        while waiting and workers.free:
            workers.submit(waiting.popleft())
        for answer in workers.answers(_WAIT_S):
            if answer.found is not None:
                unfinished -= 1
                yield answer.found
                continue
            deaths[answer.arch] += 1
            if deaths[answer.arch] == CHANCES:
                raise NasKdError(
                    f"workers: {CHANCES} processes ended over {answer.arch.key}, perhaps for want "
                    "of memory. Use fewer --workers or --images; the scores so far are kept where "
                    "--scores names a file."
                )
            waiting.appendleft(answer.arch)
