"""Which networks of a supernet hold a limit on their latency."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.errors import NoFeasibleStudentError
from search_spaces import Arch
from studies.observer import Observer
from studies.run_directory import state_name
from studies.sealed_lines import SealedLines
from studies.timing import Timing, decided, time_beside

PATIENCE = 24
"""After so many that are too slow, each further one halves what is left, towards fewer MACs."""


class Ranked(Protocol):
    """A network with what counts of it here."""

    @property
    def arch(self) -> Arch: ...

    @property
    def macs(self) -> int: ...


R = TypeVar("R", bound=Ranked)


class LatencyLimit(ABC):
    """Measures networks with ONNX Runtime, beside the whole where the limit is a share of its time.

    A second one in the same folder finds what the first one measured, but for those of which only
    a disturbed measurement says that they are too slow: they are measured again.

    Args:
        whole: File of the teacher, or of the largest network.
        costs: Counted costs of the whole.
        budget: It limits latency.
        profile: Where it counts.
        margin: By which share of the limit a measured network has to stay below it; where none
            does, the limit itself decides.
        work: An existing folder for the measured files, and for how long they took.
        of: Tells the networks from others that were measured there.
    """

    def __init__(
        self,
        whole: Path,
        costs: Mapping[str, float],
        budget: Budget,
        profile: DeviceProfile,
        margin: float,
        work: Path,
        of: str,
    ) -> None:
        self._whole = whole
        self._costs = costs
        self._budget = budget
        self._profile = profile
        self._margin = margin
        self._work = work
        limits = ",".join(entry.text for entry in budget.entries)
        identity = f"{of} {profile} {limits}"
        self._lines = SealedLines(work / "latencies" / f"{state_name(identity)}.jsonl")
        self._timings = {line["arch"]: Timing.from_dict(line) for line in self._lines.read()[0]}

    def fast_enough(self, ranked: Sequence[R], observer: Observer) -> Iterator[R]:
        """Those that hold the limit by the margin, each measured when it is asked for.

        Where none does, those measured that just hold the limit, which is told. They are measured
        in the order of ``ranked``. One that is in every size at least as large as one that was too
        slow is too slow, too, and is not measured. After `PATIENCE` slow ones only the smaller are
        looked at, so that the smallest is reached before this gives up.

        Raises:
            NoFeasibleStudentError: None of them holds the limit.
        """
        found = 0
        just: list[R] = []
        slow: list[float] = []
        left = list(ranked)
        while left:
            network = left.pop(0)
            timing = self._of(network.arch)
            if timing.holds(self._margin):
                found += 1
                observer.advance(found + len(slow), best=f"{found} fast enough")
                yield network
                continue
            if timing.is_met:
                just.append(network)
            slow.append(timing.latency.median_ms)
            left = [one for one in left if not self.contains(one.arch, network.arch)]
            if len(slow) >= PATIENCE:
                left = _smaller_half(left)
            observer.advance(found + len(slow), best=f"{found} fast enough")
        if found:
            return
        if not just:
            raise NoFeasibleStudentError(self.none_holds(len(slow), min(slow)))
        observer.note(
            f"None of the {len(slow)} measured is below the latency limit by the margin of "
            f"{self._margin:.0%}: those that just hold it are taken, and their delivered files may "
            "miss it."
        )
        yield from just

    def key(self, arch: Arch) -> str:
        """Tells the network from all others that are measured there."""
        return arch.key

    @abstractmethod
    def export(self, arch: Arch) -> Path:
        """A file of the untrained network: weights do not change how long it takes."""

    @abstractmethod
    def contains(self, one: Arch, other: Arch) -> bool:
        """Whether ``one`` is in every size at least as large as ``other``."""

    @abstractmethod
    def none_holds(self, measured: int, fastest_ms: float) -> str:
        """The message where so many were measured, and all were too slow."""

    def judged(self, file: Path) -> Timing:
        """That of a delivered file; see `decided`."""
        return decided(lambda: self._timed(file))

    def _timed(self, file: Path) -> Timing:
        return time_beside(file, self._whole, self._costs, self._budget, self._profile)

    def _of(self, arch: Arch) -> Timing:
        """What is kept of it, or is found now."""
        key = self.key(arch)
        kept = self._timings.get(key)
        if kept is not None and self._counts(kept):
            return kept
        file = self.export(arch)
        timing = decided(lambda: self._timed(file), self._counts)
        self._timings[key] = timing
        self._lines.append([{"arch": key, **timing.to_dict()}])
        return timing

    def _counts(self, timing: Timing) -> bool:
        """Whether it may decide: a disturbed one does so only in favour of its network.

        What is delivered is measured again; what is too slow takes all larger ones with it.
        """
        return timing.holds(self._margin) or not timing.latency.doubts


def best_first(
    ranked: Sequence[R], limit: LatencyLimit | None, observer: Observer
) -> Callable[[int], list[R]]:
    """Hands a ranking out: the next so many that hold the limit, or fewer where there are no more.

    Args:
        ranked: The networks, the best first.
        limit: None lets all of them through.
        observer: Told of what is measured.
    """
    if limit is None:
        rest = iter(ranked)
        return lambda count: list(islice(rest, count))
    in_time = limit.fast_enough(ranked, observer)

    def measured(count: int) -> list[R]:
        observer.phase("measure", None)
        return list(islice(in_time, count))

    return measured


def _smaller_half(networks: Sequence[R]) -> list[R]:
    """Those with the fewest MACs, in their order."""
    ascending = sorted(networks, key=lambda network: (network.macs, network.arch.key))
    smaller = {network.arch for network in ascending[: (len(networks) + 1) // 2]}
    return [network for network in networks if network.arch in smaller]
