"""Students of a SuperLM after a short distillation on weights of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nas_kd.training.batches import mixed_seed
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.superlm import Finalist, RankedStudent, distil_shortlist
from studies.observer import PER_MILLE, Observer, per_mille
from studies.run_directory import state_name
from studies.superlm.source import Source


def with_shared_weights(source: Source, students: Sequence[RankedStudent]) -> list[Finalist]:
    """The students as the SuperLM holds them."""
    return [Finalist(one, one.loss, source.superlm.extract(one.arch)) for one in students]


def shortly_distilled(
    source: Source,
    students: Sequence[RankedStudent],
    work: Path,
    observer: Observer,
    *,
    epochs: int,
    seed: int,
) -> list[Finalist]:
    """The students after a distillation side by side, the best first.

    Each of them ends where it would have ended alone, dropout aside. The same call in the same
    folder goes on where it was interrupted.

    Args:
        source: Where the students are from, and what they learn from.
        students: They begin with the shared weights.
        work: Holds a folder for each training.
        observer: Told of the progress.
        epochs: How long.
        seed: Of the order of the text.
    """
    if not students:
        return []
    training = {
        "learning": source.learning_identity,
        "students": str([student.arch.key for student in students]),
        "epochs": str(epochs),
        "seed": str(seed),
    }
    observer.phase("distill", PER_MILLE)
    return distil_shortlist(
        source.superlm,
        students,
        source.train,
        source.held_out,
        source.objective,
        top=len(students),
        settings=replace(source.settings, epochs=epochs),
        seed=mixed_seed(seed, 3),
        accelerator=source.accelerator,
        checkpoint=CheckpointFile(work / state_name(json.dumps(training)), training),
        on_progress=per_mille(observer),
    )
