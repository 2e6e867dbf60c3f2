"""`rank_scores`: a table of trained architectures judges proxies, sizes and its own columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces import Arch, SearchSpace
from studies.observer import Observer
from studies.ranking.accuracy_table import AccuracyTable, read_table
from studies.ranking.bench import Bench, prepare_bench
from studies.ranking.entries import (
    ALL,
    CANONICAL,
    SIZES,
    Entry,
    column,
    every_proxy,
    proxy,
    read_entries,
    structure,
)
from studies.ranking.fusing import fuse_by_ranks, fuse_by_reference, reference_archs
from studies.ranking.judge import Judge, RankStatistics
from studies.ranking.prices import alone_seconds
from studies.ranking.score_file import ScoreFile, writing_alone
from studies.ranking.score_or_refuse import score_or_refuse
from studies.ranking.score_settings import score_settings
from studies.ranking.scores import Scores
from studies.ranking.scoring import score_functions
from studies.recipe import Recipe
from studies.recipe_space import space_of

SCHEMA = "nas-kd.rank/1"


@dataclass(frozen=True)
class RankRequest:
    """What to judge by what.

    Attributes:
        recipe: Its space, data, teacher, seed, number of probe images and of workers count.
        table: CSV file of trained architectures.
        target: Column that the scores should rank.
        proxies: Names of proxies, fusions ``a+b``, presets, ``default`` or ``all``.
        arch_columns: Column or columns of the architecture (`read_table`).
        beside: Columns to judge beside the proxies.
        sample: Rows to draw; None for all.
        scores: File in which scores are kept, and from which they are continued.
    """

    recipe: Recipe
    table: Path
    target: str
    proxies: Sequence[str]
    arch_columns: Sequence[str] = ("arch",)
    beside: Sequence[str] = ()
    sample: int | None = None
    scores: Path | None = None


def rank_scores(request: RankRequest, observer: Observer) -> dict[str, Any]:
    """Scores the rows of the table and says how well each score ranks the target.

    Rows whose architectures have one canonical representative are scored once, as that: the
    network that a search would build. ``params`` and ``macs`` are those of the network as the table
    writes it; where the representatives are smaller, ``canonical_params`` and ``canonical_macs``
    are judged too. Fusions, and what is said given the parameters, take the sizes of the
    representatives: equal functions have equal fused scores, as in a search. Fusions are by ranks
    over the rows (`proxies.RankFusion`), sums of logarithms unless a preset (`studies.fusions`) is
    fused otherwise. ``default`` is what a search scores by: where that is several proxies, on the
    scale of the networks that a search with this seed and without a budget would take as its
    reference (`proxies.ReferenceFusion`), which are scored, too.
    The ``nan`` of a fusion counts the rows in which a member has no value. A file of scores is
    kept by one process at a time; others wait for it.

    Returns:
        The document ``nas-kd.rank/1``, its rows from the highest tau to the lowest.
        ``seconds_per_arch`` is what the score takes by itself on a network of middle size,
        ``seconds_per_pass`` what the pass took that it shared, by scored function.

    Raises:
        UsageError: The table, a name or the file of scores cannot be used, or a proxy of another
            package is not faithful (`Trial.require_faithful`).
        NasKdError: A proxy failed.
    """
    with nullcontext() if request.scores is None else writing_alone(request.scores):
        return _rank_scores(request, observer)


def _rank_scores(request: RankRequest, observer: Observer) -> dict[str, Any]:
    recipe = request.recipe
    space = space_of(recipe)
    entries = read_entries(request.proxies, space.name)
    everything = every_proxy() if ALL in request.proxies else []
    observer.phase("table", None)
    table = _read_rows(request, space)
    named = [name for entry in entries for name in entry.scored]
    bench = prepare_bench(recipe, [*everything, *named], observer)
    file = None
    if request.scores is not None:
        file = ScoreFile(request.scores, score_settings(recipe, (bench.images, bench.labels)))
        file.require(named)
    bench.require_faithful(named)
    sizes = _sizes(table, bench)
    scores = Scores() if file is None else Scores(file.passes, keeper=file)
    try:
        if everything:
            largest = table.functions[int(np.argmax(sizes["canonical_params"]))]
            usable = _usable(everything, bench, largest, scores, file, observer)
            entries = list(dict.fromkeys([*map(proxy, usable), *entries]))
        scored = list(dict.fromkeys(name for entry in entries for name in entry.scored))
        workers = recipe.search.workers
        score_functions(table.functions, scored, bench, scores, observer, workers)
        on_scale = [name for entry in entries if entry.on_scale for name in entry.scored]
        reference = reference_archs(space, recipe.seed) if on_scale else []
        score_functions(reference, on_scale, bench, scores, observer, workers)
    finally:
        if file is not None:
            file.flush()
    entries += [*_structure(sizes), *map(column, dict.fromkeys(request.beside))]
    keys = [arch.key for arch in table.functions]
    judge = Judge(table.target, sizes["canonical_params"], seed=recipe.seed, functions=keys)
    middle = table.functions[int(np.argsort(sizes["canonical_params"])[len(table) // 2])]
    alone = alone_seconds([entry.scored for entry in entries], bench, middle, observer)
    return {
        "schema": SCHEMA,
        "space": {"name": recipe.space.name, "options": dict(recipe.space.options)},
        "table": str(request.table),
        "target": request.target,
        "sample": {
            "rows": len(table),
            "functions": len(set(table.functions)),
            "dropped": table.dropped,
            "seed": recipe.seed,
            "data": recipe.data.source,
            "images": recipe.search.images,
            "teacher": recipe.teacher.source,
            "interval": judge.interval,
        },
        "rows": _rows(entries, alone, table, sizes, reference, scores, judge, observer),
    }


def _read_rows(request: RankRequest, space: SearchSpace) -> AccuracyTable:
    """The rows to judge by; the whole table is checked before any is drawn."""
    table = read_table(
        request.table,
        space,
        target=request.target,
        arch_columns=request.arch_columns,
        beside=request.beside,
    )
    table.require_rankable(str(request.table))
    if request.sample is None:
        return table
    drawn = table.sample(request.sample, request.recipe.seed)
    drawn.require_rankable(f"the sample of {request.table}")
    return drawn


def _usable(
    names: Sequence[str],
    bench: Bench,
    arch: Arch,
    scores: Scores,
    file: ScoreFile | None,
    observer: Observer,
) -> list[str]:
    """Those of ``names`` that score ``arch``; what they say of it is kept."""
    passes, refused = score_or_refuse(scores.missing(arch.key, names), bench, arch, observer)
    usable = [name for name in names if name not in refused]
    if refused:
        observer.note(f"Left out, because what they need is not here: {', '.join(refused)}.")
    bench.require_faithful(usable)
    if file is not None:
        file.require(usable)
    for done in passes:
        scores.add(done)
    return usable


def _structure(sizes: Mapping[str, np.ndarray]) -> list[Entry]:
    """The sizes; those of the canonical representatives only where they differ."""
    differ = any(not np.array_equal(sizes[name], sizes[own]) for name, own in CANONICAL.items())
    return list(map(structure, [*SIZES, *CANONICAL] if differ else SIZES))


def _sizes(table: AccuracyTable, bench: Bench) -> dict[str, np.ndarray]:
    """Each size of every row, ``(row,)``."""
    counted = {arch: bench.costs(arch) for arch in {*table.archs, *table.functions}}
    of_rows = {name: [counted[arch][name] for arch in table.archs] for name in SIZES}
    canonical = {
        name: [counted[arch][plain] for arch in table.functions]
        for name, plain in CANONICAL.items()
    }
    return {name: np.array(values) for name, values in (of_rows | canonical).items()}


def _rows(
    entries: Sequence[Entry],
    alone: Sequence[float],
    table: AccuracyTable,
    sizes: Mapping[str, np.ndarray],
    reference: Sequence[Arch],
    scores: Scores,
    judge: Judge,
    observer: Observer,
) -> list[dict[str, Any]]:
    """One row an entry, from the highest tau to the lowest; without a tau, last."""
    keys = [arch.key for arch in table.functions]
    observer.phase("statistics", len(entries))
    rows = []
    for done, (entry, seconds) in enumerate(zip(entries, alone, strict=True), start=1):
        rows.append(
            {
                "proxy": entry.name,
                "kind": entry.kind,
                **_rate(entry, table, sizes, reference, scores, judge).to_document(),
                "seconds_per_arch": seconds,
                "seconds_per_pass": scores.seconds_per_pass(entry.scored, keys),
            }
        )
        observer.advance(done)
    return sorted(rows, key=lambda row: math.inf if math.isnan(row["tau"]) else -row["tau"])


def _rate(
    entry: Entry,
    table: AccuracyTable,
    sizes: Mapping[str, np.ndarray],
    reference: Sequence[Arch],
    scores: Scores,
    judge: Judge,
) -> RankStatistics:
    """The statistics of one score, or of the fusion of several."""
    keys = [arch.key for arch in table.functions]
    scored = {name: scores.of(name, keys) for name in entry.scored}
    if len(entry.members) == 1:
        (member,) = entry.members
        known = table.beside if entry.kind == "column" else {**sizes, **scored}
        return judge.rate(known[member])
    canonical = {plain: sizes[name] for name, plain in CANONICAL.items()}
    values = np.column_stack([{**sizes, **canonical, **scored}[m] for m in entry.members])
    if entry.on_scale:
        of_reference = [scores.of(name, [arch.key for arch in reference]) for name in entry.members]
        fused = fuse_by_reference(values, np.column_stack(of_reference))
    else:
        fused = fuse_by_ranks(values, entry.fusion)
    return replace(judge.rate(fused), nan=int((~np.isfinite(values)).any(axis=1).sum()))
