"""From where a training's checkpoint stands to its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.language.loop import LanguageLoop
from nas_kd.training.processes import computing
from nas_kd.training.progress import Progress


@dataclass(frozen=True)
class LanguageResult:
    """How a training of a language model went.

    Attributes:
        history: For each unit its number, the means of its losses, the ``seconds`` of its training
            and, where it is judged, its ``score``.
        score: Of the weights that were kept; None where nothing judges.
    """

    history: list[dict[str, float]]
    score: float | None


def train_language(
    loop: LanguageLoop,
    *,
    checkpoint: CheckpointFile | None = None,
    judge: Callable[[], float] | None = None,
    keep_best: bool = False,
    on_progress: Progress | None = None,
) -> LanguageResult:
    """Trains to the end; the module then holds the weights that are kept, in eval mode.

    Args:
        loop: The training.
        checkpoint: Where the state is kept after each unit; the same call continues from there,
            in one process on a CPU with the result of an uninterrupted call, bit for bit.
        judge: The score of the module as it is; larger is better. Called after every unit.
        keep_best: Whether the weights of the best unit are kept (the later of two that are
            equal) instead of the last. A score that chose is no longer an unseen one.
        on_progress: Told how many of how many units are over, and the best score in words.

    Raises:
        NasKdError: A loss is no longer finite, or a checkpoint cannot be written.
        UsageError: The checkpoint is damaged or of another training.
    """
    history: list[dict[str, float]] = []
    best: dict[str, Tensor] = {}
    if checkpoint is not None and (kept := checkpoint.load()) is not None:
        loop.load(kept["loop"])
        history, best = kept["history"], kept["best"]
    while loop.units < loop.total:
        with computing(loop.accelerator):
            row = _run_unit(loop, judge)
        if keep_best and row.get("score", -math.inf) >= max(_scores(history), default=-2.0):
            best = _copied(loop)
        history.append(row)
        if checkpoint is not None and loop.is_first:
            state: dict[str, Any] = {"loop": loop.state(), "history": history, "best": best}
            checkpoint.save(state)
        if on_progress is not None and loop.is_first:
            on_progress(loop.units, loop.total, _words(history))
    if best:
        loop.module.load_state_dict(best)
    loop.module.eval()
    scores = _scores(history)
    if not scores:
        return LanguageResult(history, None)
    return LanguageResult(history, max(scores) if keep_best else scores[-1])


def _run_unit(loop: LanguageLoop, judge: Callable[[], float] | None) -> dict[str, float]:
    began = time.monotonic()
    row = {"unit": loop.units + 1.0, **loop.run_unit()}
    row["seconds"] = time.monotonic() - began
    return row if judge is None else {**row, "score": judge()}


def _copied(loop: LanguageLoop) -> dict[str, Tensor]:
    weights = loop.module.state_dict()
    return {name: value.detach().cpu().clone() for name, value in weights.items()}


def _scores(history: list[dict[str, float]]) -> list[float]:
    return [row["score"] for row in history if "score" in row]


def _words(history: list[dict[str, float]]) -> str:
    scores = _scores(history)
    return f"score {max(scores):.4f}" if scores else ""
