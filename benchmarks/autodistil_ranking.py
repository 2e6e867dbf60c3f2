"""Does a SuperLM rank its students as they rank after a distillation of their own?

    python -m benchmarks.autodistil_ranking [--spaces autodistil-tiny ...] [--students 5]
        [--tokens 32] [--batch 32] [--epochs 1] [--files wikitext2_valid.txt] [--no-interleaved]
        [--seed 0] [--fresh] [--folder DIR]

Teacher: all-MiniLM-L6-v2. For each of AutoDistil's sub-spaces, cut from it, a SuperLM is trained on
articles of WikiText-2 with AutoDistil's four students a step. All its students are ranked by their
held-out relation loss with the shared weights. Some of them, spread over the range of MACs, are
then cut from the teacher anew, distilled on weights of their own with the same tokens, and ranked
by the same loss. Kendall's tau between the two rankings stands beside that of parameters and of
MACs. Relation heads are interleaved; ``--no-interleaved`` takes neighbours, as published.

One row a student, one ``summary`` row a space, and one of all students together. An interrupted run
goes on where it was; ``--fresh`` begins anew.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from benchmarks.minilm import (
    default_folder,
    once,
    pretraining,
    progress_bars,
    teacher,
    trained_superlm,
    wikipedia,
)
from benchmarks.record import write_rows
from nas_kd.costs import Budget
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.language import imitate
from nas_kd.training.processes import make_accelerator
from nas_kd.training.superlm import (
    feasible_students,
    in_order,
    objective_of,
    shared_weight_losses,
    text_task_of,
    training_text,
)
from search_spaces import Arch, sample_by_size
from search_spaces.supernets import SuperLM
from studies.ranking.correlation import kendall_tau

SPACES = ("autodistil-tiny", "autodistil-small", "autodistil-base")
_RANKERS = ("shared_loss", "params", "macs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spaces", nargs="+", default=SPACES)
    parser.add_argument("--students", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--files", default="wikitext2_valid.txt")
    parser.add_argument("--unit-steps", type=int, default=20)
    parser.add_argument("--held-out", type=int, default=128)
    parser.add_argument("--interleaved", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--folder", type=Path, default=default_folder("autodistil-ranking"))
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(options.folder, ignore_errors=True)
    with Progress(console=Console(stderr=True)) as progress:
        rows = [row for space in options.spaces for row in _Space(space, options, progress).rows()]
    rows = [*rows, *[_summary(space, rows) for space in options.spaces], _summary("all", rows)]
    path = write_rows("autodistil_ranking", rows)
    for row in rows:
        if row["kind"] == "summary":
            taus = {name: round(row[f"tau_{name}"], 3) for name in _RANKERS}
            Console().print(f"{row['space']}: Kendall's tau {taus}")
    Console().print(f"rows in {path}")


class _Space:
    """One sub-space: its SuperLM, the two rankings, the seconds of each."""

    def __init__(self, space: str, options: argparse.Namespace, progress: Progress) -> None:
        self._name = space
        self._options = options
        self._folder = options.folder / space
        self._told = progress_bars(progress)
        self._settings = pretraining(
            options.tokens,
            options.epochs,
            batch_size=options.batch,
            unit_steps=options.unit_steps,
            interleaved=options.interleaved,
            held_out_limit=options.held_out,
        )
        self._teacher = teacher()
        self._accelerator = make_accelerator("no")
        self._objective = objective_of(self._settings, self._teacher.model, self._accelerator)
        self._text = wikipedia(options.files)
        self._train, self._held_out = training_text(
            self._text, self._teacher.tokenizer, self._settings, options.seed
        )
        self._task = text_task_of(self._teacher.model.config, options.tokens)

    def rows(self) -> list[dict[str, Any]]:
        superlm, seconds = trained_superlm(
            self._folder / "superlm",
            self._name,
            self._settings,
            self._options.seed,
            self._told(f"{self._name}: SuperLM"),
            self._text,
        )
        ranking = once(self._folder / "ranking.json", lambda: self._ranking(superlm))
        drawn = sample_by_size(
            superlm.space, self._task, "macs", self._options.students, seed=self._options.seed
        )
        alone = once(self._folder / "alone.json", lambda: self._alone(superlm, drawn))
        return [
            {
                "kind": "student",
                "space": self._name,
                "interleaved": self._options.interleaved,
                "arch": arch.to_json(),
                **ranking["students"][arch.to_json()],
                "alone_loss": alone["losses"][arch.to_json()],
                "tokens": self._train.tokens * self._options.epochs,
                "superlm_s": seconds,
                "ranking_s": ranking["seconds"],
                "alone_s": alone["seconds"],
            }
            for arch in drawn
        ]

    def _ranking(self, superlm: SuperLM) -> dict[str, Any]:
        began = time.monotonic()
        told = self._told(f"{self._name}: ranking")
        sizes = feasible_students(superlm.space, self._task, Budget())
        losses = shared_weight_losses(
            superlm,
            list(sizes),
            self._held_out,
            self._objective,
            on_batch=lambda done, total: told(done, total, ""),
        )
        students = {
            student.arch.to_json(): {
                "shared_rank": rank,
                "shared_loss": student.loss,
                "params": student.params,
                "macs": student.macs,
            }
            for rank, student in enumerate(in_order(losses, sizes), start=1)
        }
        return {"students": students, "seconds": time.monotonic() - began}

    def _alone(self, superlm: SuperLM, archs: Sequence[Arch]) -> dict[str, Any]:
        """Students cut from the teacher, not from the trained SuperLM, and distilled."""
        began = time.monotonic()
        untrained = SuperLM(self._teacher.model, superlm.space, superlm.depth)
        identity = {
            "settings": str(self._settings),
            "students": str([arch.key for arch in archs]),
            "text": self._text,
        }
        losses = imitate(
            [untrained.extract(arch) for arch in archs],
            self._train,
            self._held_out,
            self._objective,
            settings=replace(self._settings, unit_steps=5 * self._settings.unit_steps),
            seed=self._options.seed,
            accelerator=self._accelerator,
            checkpoint=CheckpointFile(self._folder, identity),
            on_progress=self._told(f"{self._name}: alone"),
        )
        found = {arch.to_json(): loss for arch, loss in zip(archs, losses, strict=True)}
        return {"losses": found, "seconds": time.monotonic() - began}


def _summary(space: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Tau of each ranker with the loss alone; more parameters and MACs count as better."""
    some = [row for row in rows if row["kind"] == "student" and space in ("all", row["space"])]
    truth = -np.array([row["alone_loss"] for row in some])
    signs = {"shared_loss": -1, "params": 1, "macs": 1}
    taus = {
        f"tau_{name}": kendall_tau(signs[name] * np.array([row[name] for row in some]), truth)
        for name in _RANKERS
    }
    seconds = ("superlm_s", "ranking_s", "alone_s")
    total = {name: sum({row["space"]: row[name] for row in some}.values()) for name in seconds}
    return {"kind": "summary", "space": space, "n": len(some), **taus, **total}


if __name__ == "__main__":
    main()
