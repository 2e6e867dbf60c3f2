"""Does a step of a SuperLM cost more than its parts?

    python -m benchmarks.superlm_step [--space autodistil-tiny] [--tokens 64] [--batch 16]
        [--repeats 10] [--seed 0]

Parts: one forward of the teacher, and forward and backward of each of four students that were cut
out of the SuperLM, by themselves. Whole: the same four through the shared weights, as one step of
the training computes them before the optimiser. Whole and parts alternate, on the same batch of
real text; the medians make the ratio, of the clock's seconds and of the processor's, which other
programs on the machine disturb less. One row a repetition and a ``summary`` row.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from benchmarks.minilm import teacher, wikipedia
from benchmarks.record import write_rows
from nas_kd.training.language import Moment, StateObjective
from nas_kd.training.processes import make_accelerator
from nas_kd.training.superlm import STRATEGIES, Chooser, SuperLMSettings, cut_from, training_text
from nas_kd.training.superlm.losses import StudentLosses
from search_spaces import create_space
from search_spaces.supernets import SuperLM, observe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", default="autodistil-tiny")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    step = _Step(options)
    step.whole()
    step.parts()
    rows = []
    for repeat in track(range(options.repeats), "steps", console=Console(stderr=True)):
        order = [("whole", step.whole), ("parts", step.parts)][:: 1 if repeat % 2 else -1]
        timed: dict[str, float] = {}
        for name, run in order:
            timed |= _seconds(name, run)
        rows.append({"kind": "repeat", "space": options.space, **timed})
    medians = {name: float(np.median([row[name] for row in rows])) for name in timed}
    ratios = {
        "ratio": medians["whole_s"] / medians["parts_s"],
        "ratio_cpu": medians["whole_cpu_s"] / medians["parts_cpu_s"],
    }
    summary = {"kind": "summary", "space": options.space, **medians, **ratios}
    path = write_rows("superlm_step", [*rows, {**vars(options), **summary}])
    Console().print(
        f"whole over parts: {ratios['ratio']:.3f} by the clock, {ratios['ratio_cpu']:.3f} of the "
        f"processor's time; rows in {path}"
    )


class _Step:
    """One step and its parts on one batch."""

    def __init__(self, options: argparse.Namespace) -> None:
        found = teacher()
        settings = SuperLMSettings(max_tokens=options.tokens)
        train, _ = training_text(wikipedia(), found.tokenizer, settings, options.seed)
        space = cut_from(create_space(options.space), found.model.config)
        accelerator = make_accelerator("no")
        strategy = next(strategy for strategy in STRATEGIES if strategy.name == "autodistil")
        chooser = Chooser(strategy, space, count=2, seed=options.seed)
        self._moment = Moment(0, 1)
        self._places = torch.arange(options.batch)
        self._batch = train.batch(self._places)
        self._objective = StateObjective(settings.distillers, found.model, accelerator)
        self._superlm = SuperLM(found.model, space).train()
        self._losses = StudentLosses(self._superlm, None, self._objective, chooser)
        chosen = chooser(self._moment)
        self._students = [self._superlm.extract(arch).train() for _, arch in chosen]

    def whole(self) -> None:
        self._superlm.zero_grad()
        for _, loss in self._losses(self._batch, self._places, self._moment):
            loss.backward()

    def parts(self) -> None:
        taught = self._objective.taught(self._batch)
        for student in self._students:
            student.zero_grad()
            self._objective(observe(student, self._batch).states, taught, None).backward()


def _seconds(name: str, run: Callable[[], Any]) -> dict[str, float]:
    """How long it takes, by the clock and of the processor's time."""
    began, used = time.perf_counter(), time.process_time()
    run()
    return {
        f"{name}_s": time.perf_counter() - began,
        f"{name}_cpu_s": time.process_time() - used,
    }


if __name__ == "__main__":
    main()
