"""The first scores of a network, and which proxies have none for it."""

from __future__ import annotations

from collections.abc import Sequence

from nas_kd.errors import UsageError
from nas_kd.machine_lock import machine_shared
from search_spaces import Arch
from studies.observer import Observer
from studies.ranking.bench import Bench
from studies.ranking.scores import Pass
from studies.workers import one_thread


def score_or_refuse(
    names: Sequence[str], bench: Bench, arch: Arch, observer: Observer
) -> tuple[list[Pass], list[str]]:
    """Scores ``arch`` with those of ``names`` whose needs are met, and refuses the others.

    All are tried in one pass; where that is refused, each half of them, and so on.

    Returns:
        The passes, and the names of the proxies that lack what they need.
    """
    observer.phase("proxies", len(names))
    passes: list[Pass] = []
    refused: list[str] = []
    waiting = [list(names)] if names else []
    while waiting:
        some = waiting.pop()
        try:
            with machine_shared(), one_thread():
                passes.append(bench.timed(arch, some))
        except UsageError:
            if len(some) > 1:
                half = len(some) // 2
                waiting += [some[half:], some[:half]]
                continue
            refused += some
        observer.advance(sum(len(done.scores) for done in passes) + len(refused))
    return passes, refused
