"""From the runs of several processes to a record's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from nas_kd.costs.statistics import (
    deviation,
    fast_level,
    interval_over_processes,
    relative_half_width,
    summarise,
)

MIN_SLICES = 2
"""Steady slices from which a process counts."""
_NS_PER_MS = 1e6


@dataclass(frozen=True)
class Slice:
    """Some runs in a row, with the reference just before and after them; all in nanoseconds.

    Attributes:
        runs: Run times of the model.
        interrupted: Of every run, whether the processor was taken away from it meanwhile.
        references: Run times of the reference model, before and after.
        process: The process, counted from 0.
        block: The block, counted from 0 over all processes.
    """

    runs: list[int]
    interrupted: list[bool]
    references: tuple[list[int], list[int]]
    process: int
    block: int

    @property
    def undisturbed(self) -> list[int]:
        """The runs that were not interrupted; all, where all were."""
        runs = zip(self.runs, self.interrupted, strict=True)
        return [time for time, interrupted in runs if not interrupted] or self.runs

    @property
    def reference(self) -> float:
        """The reference's time at the moment of the slice."""
        before, after = self.references
        return float(np.median(before) + np.median(after)) / 2

    @property
    def relative(self) -> float:
        """The model's time in units of the reference's."""
        return float(np.median(self.undisturbed)) / self.reference


@dataclass
class Samples:
    """One model's runs over all processes so far.

    Attributes:
        slices: In order of time.
        first_runs: The first run of every process, in nanoseconds.
        end_to_end: Runs with copies to and from the device; empty on the CPU.
        other_providers: Share of kernel time by provider other than the one asked for.
    """

    slices: list[Slice] = field(default_factory=list)
    first_runs: list[int] = field(default_factory=list)
    end_to_end: list[int] = field(default_factory=list)
    other_providers: dict[str, float] = field(default_factory=dict)

    def add(self, answer: Mapping[str, Any]) -> None:
        """Adds what one process answered for this model."""
        process = len(self.first_runs)
        blocks = 1 + max((part.block for part in self.slices), default=-1)
        self.first_runs.append(answer["first_run_ns"])
        for number, block in enumerate(answer["blocks"], start=blocks):
            references = pairwise(block["reference_ns"])
            parts = zip(block["runs_ns"], block["interrupted"], references, strict=True)
            self.slices += [Slice(*part, process, number) for part in parts]
        self.end_to_end += answer["end_to_end_ns"]
        self.other_providers = dict(answer["other_providers"])


@dataclass(frozen=True)
class Kept:
    """The slices that count: the steady ones, or all where there are hardly any.

    Attributes:
        slices: In order of time.
        spread: Those from which the spread between processes is taken: the same, or all slices
            where too few processes had steady ones.
        drifted: Whether too few processes had steady slices.
        processes: How many had.
        moved: Largest relative deviation of the references from their fast level.
        share: Steady slices among all.
        reference: Median of the steady references of all models, in nanoseconds.
    """

    slices: list[Slice]
    spread: list[Slice]
    drifted: bool
    processes: int
    moved: float
    share: float
    reference: float

    def by(self, group: str) -> list[list[Slice]]:
        """The slices in ``spread`` of every ``process`` or ``block``."""
        groups: dict[int, list[Slice]] = {}
        for part in self.spread:
            groups.setdefault(getattr(part, group), []).append(part)
        return list(groups.values())


def keep_steady(samples: Sequence[Samples], *, max_drift: float, min_processes: int) -> list[Kept]:
    """Chooses the slices of every model that count.

    A slice is steady when the reference before and after it is as fast as in the fastest decile of
    the whole measurement, within ``max_drift``, and one of its runs at least was not interrupted.
    The choice does not look at the model's own times.

    Args:
        samples: Of all models that were measured together.
        max_drift: Largest relative deviation of a steady slice's references.
        min_processes: Processes that must have steady slices, or the model counts as drifted.
    """
    references = [part for model in samples for each in model.slices for part in each.references]
    level = fast_level(references)
    medians = np.array([np.median(part) for part in references])
    usual = float(np.median(medians[medians <= (1 + max_drift) * level]))
    return [_keep(model, level, usual, max_drift, min_processes) for model in samples]


def _keep(
    samples: Samples, level: float, usual: float, max_drift: float, min_processes: int
) -> Kept:
    moved = [deviation(part.references, level) for part in samples.slices]
    steady = [
        i
        for i, part in enumerate(samples.slices)
        if moved[i] <= max_drift and not all(part.interrupted)
    ]
    processes = [samples.slices[i].process for i in steady]
    counting = [p for p in set(processes) if processes.count(p) >= MIN_SLICES]
    drifted = len(counting) < min_processes
    kept = steady if len(steady) >= MIN_SLICES else range(len(moved))
    slices = [samples.slices[i] for i in kept]
    return Kept(
        slices=slices,
        spread=samples.slices if drifted else slices,
        drifted=drifted,
        processes=len(counting),
        moved=max(moved[i] for i in kept),
        share=len(steady) / len(moved),
        reference=usual,
    )


def half_width(kept: Kept) -> float:
    """Half the width of the median's 95 % interval, as a share of the median."""
    pooled = summarise(_pooled(kept.slices))
    interval = interval_over_processes(_medians(kept.by("process")), pooled.ci95)
    return relative_half_width(interval, pooled.median)


def relatives(groups: Sequence[Sequence[Slice]]) -> list[float]:
    """Every group's time in units of the reference's."""
    return [float(np.median([part.relative for part in group])) for group in groups]


def figures(samples: Samples, kept: Kept) -> dict[str, Any]:
    """The figures of a `LatencyRecord`."""
    summary = summarise(_pooled(kept.slices))
    everything = summarise(np.concatenate([part.runs for part in samples.slices]))
    by_process = _medians(kept.by("process"))
    low, high = interval_over_processes(by_process, summary.ci95)
    relative = summarise([part.relative for part in kept.slices])
    normal = interval_over_processes(relatives(kept.by("process")), relative.ci95)
    end_to_end = samples.end_to_end
    return {
        "median_ms": summary.median / _NS_PER_MS,
        "p90_ms": summary.p90 / _NS_PER_MS,
        "p99_ms": summary.p99 / _NS_PER_MS,
        "mad_ms": summary.mad / _NS_PER_MS,
        "ci95_ms": (low / _NS_PER_MS, high / _NS_PER_MS),
        "n": summary.n,
        "first_run_ms": float(np.median(samples.first_runs)) / _NS_PER_MS,
        "reference_drift": kept.moved,
        "drift_flagged": kept.drifted,
        "steady_share": kept.share,
        "relative_to_reference": relative.median,
        "reference_ms": kept.reference / _NS_PER_MS,
        "normalised_ms": relative.median * kept.reference / _NS_PER_MS,
        "normalised_ci95_ms": tuple(end * kept.reference / _NS_PER_MS for end in normal),
        "all_runs": {
            "median_ms": everything.median / _NS_PER_MS,
            "p90_ms": everything.p90 / _NS_PER_MS,
            "p99_ms": everything.p99 / _NS_PER_MS,
            "n": everything.n,
        },
        "block_medians_ms": tuple(ns / _NS_PER_MS for ns in _medians(kept.by("block"))),
        "process_medians_ms": tuple(ns / _NS_PER_MS for ns in by_process),
        "end_to_end_ms": float(np.median(end_to_end)) / _NS_PER_MS if end_to_end else None,
        "other_providers": samples.other_providers,
    }


def _medians(groups: Sequence[Sequence[Slice]]) -> list[float]:
    return [float(np.median(_pooled(group))) for group in groups]


def _pooled(slices: Sequence[Slice]) -> np.ndarray:
    return np.concatenate([part.undisturbed for part in slices])
