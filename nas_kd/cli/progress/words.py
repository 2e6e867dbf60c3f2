"""Progress in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas_kd.report.progress import Progress


def progress_line(progress: Progress) -> str:
    """One look at a running command: ``search 120/300, 8.3 a second, about 22 s left``."""
    from nas_kd.report import numbers
    from studies.observer import PER_MILLE

    parts = [f"{progress.phase} {count_text(progress.done, progress.total)}".strip()]
    if progress.rate_per_s and progress.total != PER_MILLE:
        parts.append(f"{progress.rate_per_s:.3g} a second")
    if progress.seconds_left:
        parts.append(f"about {numbers.seconds(progress.seconds_left)} left")
    return ", ".join([*parts, f"for {numbers.seconds(progress.seconds)} so far"])


def count_text(done: int, total: int | None) -> str:
    """How far a phase is: ``120/300``, or percent where its steps are thousandths."""
    from studies.observer import PER_MILLE

    if total is None:
        return str(done) if done else ""
    return f"{done / total:.0%}" if total == PER_MILLE else f"{done}/{total}"
