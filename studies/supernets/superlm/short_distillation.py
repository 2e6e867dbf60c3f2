"""Students of a SuperLM after a short distillation on weights of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nas_kd.errors import NotFiniteError
from nas_kd.training.batches import mixed_seed
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.language import loss_name
from nas_kd.training.superlm import Finalist, RankedStudent, distil_shortlist
from studies.observer import PER_MILLE, Observer, per_mille
from studies.run_directory import state_name
from studies.supernets.superlm.source import Source
from studies.supernets.superlm.student_key import student_key


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

    Each of them ends where it would have ended alone, dropout aside: the others are distilled anew
    without those whose losses are no longer finite, which are told. The same call in the same
    folder goes on where it was interrupted.

    Args:
        source: Where the students are from, and what they learn from.
        students: They begin with the shared weights.
        work: Holds a folder for each training.
        observer: Told of the progress.
        epochs: How long.
        seed: Of the order of the text.

    Raises:
        NotFiniteError: The losses of all of them are no longer finite.
    """
    left = list(students)
    while left:
        try:
            return _side_by_side(source, left, work, observer, epochs=epochs, seed=seed)
        except NotFiniteError as error:
            lost = [one for place, one in enumerate(left) if loss_name(place) in error.losses]
            names = ", ".join(source.superlm.space.describe(one.arch) for one in lost)
            left = [one for one in left if one not in lost]
            if not left:
                raise NotFiniteError(
                    f"search: the loss of {names} is no longer finite in the short distillation, "
                    "which has the settings of the SuperLM's training.",
                    "Leave it out with --top 1, or train a SuperLM with a lower learning_rate.",
                ) from error
            observer.note(
                f"The loss of {names} is no longer finite in the short distillation, which the "
                "others of the short list begin anew without."
            )
    return []


def _side_by_side(
    source: Source,
    students: Sequence[RankedStudent],
    work: Path,
    observer: Observer,
    *,
    epochs: int,
    seed: int,
) -> list[Finalist]:
    training = {
        "learning": source.learning_identity,
        "students": str([student_key(source.superlm.space, student.arch) for student in students]),
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
        fit=source.fit,
        checkpoint=CheckpointFile(work / state_name(json.dumps(training)), training, observer.note),
        on_progress=per_mille(observer),
    )
