"""The crew of a search: announces what is needed, hands it out, waits for it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Protocol

from search_spaces import Arch
from studies.candidates import Candidate
from studies.evaluator import Evaluator
from studies.workers.answer import Answer, Workers

_WAIT_S = 60.0
CHANCES = 2
"""Workers that may die over a candidate before it is given up."""


class Crew(Protocol):
    """Finds out what is to be known of archs, each distinct function once."""

    def expect(self, archs: Iterable[Arch]) -> None:
        """Announces canonical archs that `evaluate` will be asked for, in this order."""
        ...

    def evaluate(self, arch: Arch) -> Candidate:
        """The candidate of a canonical arch that was announced or is known already."""
        ...


class LocalCrew:
    """Keeps the workers of this machine busy with what is announced, in its order.

    A candidate whose worker dies is given to another one, once: what ends two workers (most likely
    it needs more memory than there is) would end every one of them, and with them the search. It
    is then recorded without a score, which ranks it last, and said so.

    Args:
        workers: Who computes.
        evaluator: Remembers what was found out.
        note: Told what the user should know.
    """

    def __init__(
        self, workers: Workers[Candidate], evaluator: Evaluator, note: Callable[[str], None]
    ) -> None:
        self._workers = workers
        self._evaluator = evaluator
        self._note = note
        self._queue: deque[Arch] = deque()
        self._deaths: Counter[Arch] = Counter()

    def expect(self, archs: Iterable[Arch]) -> None:
        known = self._evaluator.known
        self._queue.extend(arch for arch in dict.fromkeys(archs) if arch.key not in known)

    def evaluate(self, arch: Arch) -> Candidate:
        known = self._evaluator.known
        while arch.key not in known:
            while self._queue and self._workers.free:
                self._workers.submit(self._queue.popleft())
            for answer in self._workers.answers(_WAIT_S):
                self._take(answer)
        return known[arch.key]

    def _take(self, answer: Answer[Candidate]) -> None:
        if answer.found is not None:
            self._evaluator.learn(answer.found)
            return
        self._deaths[answer.arch] += 1
        if self._deaths[answer.arch] < CHANCES:
            self._note(f"A worker died over {answer.arch.key}; another one tries it again.")
            self._queue.appendleft(answer.arch)
        else:
            self._note(given_up(answer.arch))
            self._evaluator.remember(self._evaluator.without_score(answer.arch))


def given_up(arch: Arch) -> str:
    """What is said of a candidate that ended two workers."""
    return (
        f"Two workers died over {arch.key}, perhaps for want of memory: it is recorded without a "
        "score and ranks last."
    )
