"""Is the student that AutoDistil chooses worth more than one of the same cost?

    python -m benchmarks.autodistil_sst2 [--layers 3] [--space autodistil] [--importance gradient]
        [--share 0.15] [--epochs 1] [--seeds 3] [--precision bf16] [--fresh] [--folder DIR]

Teacher: all-MiniLM-L6-v2. With the MACs of its first three layers, half of its encoder: the student
that ranks first among the SuperLM's after a short distillation, networks of the same space and size
drawn at random, and these first layers themselves, all pre-trained on the same number of tokens
(`benchmarks.autodistil_students`). The teacher is fine-tuned on a share of SST-2's training
sentences, stated in every row; every student first imitates the states of the teacher of the same
seed on these sentences, then learns from the labels and from that teacher, for an epoch each.
Accuracy is that of the last weights on the whole dev set, which chooses nothing. The random student
of each seed is another network. One row a training, one ``summary`` row a role. An interrupted run
goes on where it was; ``--fresh`` begins anew.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from safetensors.torch import load_file, save_file

from benchmarks.autodistil_students import (
    DROPOUT,
    Candidate,
    Students,
    add_options,
    settings_of,
)
from benchmarks.minilm import glue, once, progress_bars
from benchmarks.record import write_rows
from nas_kd.data.text import LabelledTexts, load_labelled_texts
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.language import TaskSettings, finetune, imitate_states, with_head
from nas_kd.training.processes import make_accelerator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--space", default="autodistil")
    parser.add_argument("--share", type=float, default=0.15)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3)
    add_options(parser)
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(options.folder, ignore_errors=True)
    with Progress(console=Console(stderr=True)) as progress:
        rows = _Runs(options, progress_bars(progress)).rows()
    summaries = _summaries(rows)
    path = write_rows("autodistil_sst2", [*rows, *summaries])
    for row in summaries:
        Console().print(f"{row['role']}: {row['accuracy']:.2%} ± {row['accuracy_std']:.2%}")
    Console().print(f"rows in {path}")


class _Runs:
    """The teacher and every candidate on SST-2, for every seed."""

    def __init__(
        self, options: argparse.Namespace, told: Callable[[str], Callable[[int, int, str], None]]
    ) -> None:
        self._options = options
        self._told = told
        settings = settings_of(options)
        self._folder = options.folder / f"sst2-{options.share}-{options.epochs}"
        self._students = Students(options.folder / options.space, options.space, settings, 0, told)
        self._settings = TaskSettings(
            epochs=options.epochs,
            max_tokens=options.tokens,
            learning_rate=1e-4,
            dropout=DROPOUT,
            precision=options.precision,
            keep_best=False,
            state_epochs=options.epochs,
            state_distillers="autodistil_kl,last_hidden",
            state_interleaved=True,
        )
        self._task = _share_of(
            load_labelled_texts(glue("SST-2", "text=sentence&label=label")), options.share
        )
        self._accelerator = make_accelerator(options.precision)

    def rows(self) -> list[dict[str, Any]]:
        seeds = range(self._options.seeds)
        candidates = self._students.candidates(self._options.layers, len(seeds))
        randoms = [candidate for candidate in candidates if candidate.role == "random"]
        fixed = [candidate for candidate in candidates if candidate.role != "random"]
        rows = []
        for seed in seeds:
            teacher, row = self._teacher(seed)
            rows.append(row)
            rows += [self._student(each, teacher, seed) for each in (*fixed, randoms[seed])]
        return rows

    def _teacher(self, seed: int) -> tuple[Any, dict[str, Any]]:
        model = with_head(self._students.source.teacher.model, 2, seed).requires_grad_()
        weights = self._folder / f"teacher-{seed}.safetensors"
        source = self._students.source
        space, task = source.superlm.space, source.task
        macs = space.family.sizes(space.teacher, task).macs
        row = self._run("teacher", model, None, seed, weights)
        model.load_state_dict(load_file(weights))
        return model.eval(), {**row, "macs": macs}

    def _student(self, candidate: Candidate, teacher: Any, seed: int) -> dict[str, Any]:
        model = with_head(candidate.model, 2, seed)
        row = self._run(candidate.role, model, teacher, seed, None)
        arch = "" if candidate.arch is None else candidate.arch.to_json()
        return {**row, "macs": candidate.macs, "relation_loss": candidate.loss, "arch": arch}

    def _run(
        self, role: str, model: Any, teacher: Any, seed: int, weights: Path | None
    ) -> dict[str, Any]:
        """One fine-tuning; its weights are kept where they are asked for."""
        name = f"{role}-{seed}"

        def train() -> dict[str, Any]:
            identity = {"settings": str(self._settings), "examples": str(len(self._task.train))}
            began = time.monotonic()
            if teacher is not None:
                self._teach(imitate_states, model, teacher, seed, f"{name}-states", identity)
            result = self._teach(finetune, model, teacher, seed, name, identity)
            if weights is not None:
                save_file(model.state_dict(), weights)
            return {
                "kind": "run",
                "role": role,
                "seed": seed,
                "accuracy": result.score,
                "examples": len(self._task.train),
                "share": self._options.share,
                "precision": self._options.precision,
                "epochs": self._options.epochs,
                "seconds": time.monotonic() - began,
            }

        return once(self._folder / f"{name}.json", train)

    def _teach(
        self,
        step: Callable[..., Any],
        model: Any,
        teacher: Any,
        seed: int,
        name: str,
        identity: dict[str, str],
    ) -> Any:
        """One of the two steps of a fine-tuning, continued where it stands."""
        return step(
            model,
            self._task,
            self._students.source.teacher.tokenizer,
            teacher=teacher,
            settings=self._settings,
            seed=seed,
            accelerator=self._accelerator,
            checkpoint=CheckpointFile(self._folder / name, identity),
            on_progress=self._told(name),
        )


def _share_of(task: LabelledTexts, share: float) -> LabelledTexts:
    """The task with a random share of its training examples."""
    order = torch.randperm(len(task.train), generator=torch.Generator().manual_seed(0))
    return replace(task, train=task.train.subset(order[: round(share * len(order))]))


def _summaries(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and spread over the seeds, beside the teacher's mean."""
    found = []
    for role in dict.fromkeys(row["role"] for row in rows):
        some = [row for row in rows if row["role"] == role]
        accuracies = np.array([row["accuracy"] for row in some])
        found.append(
            {
                "kind": "summary",
                "role": role,
                "accuracy": float(accuracies.mean()),
                "accuracy_std": float(accuracies.std(ddof=1)) if len(some) > 1 else 0.0,
                "macs": float(np.mean([row["macs"] for row in some])),
                "longest_s": max(row["seconds"] for row in some),
            }
        )
    teacher = next(row for row in found if row["role"] == "teacher")
    return [{**row, "kept": row["accuracy"] / teacher["accuracy"]} for row in found]


if __name__ == "__main__":
    main()
