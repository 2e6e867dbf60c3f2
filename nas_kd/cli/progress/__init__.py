"""How far the work is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

from nas_kd.cli.progress.bars import BarObserver
from nas_kd.cli.progress.keeping import KeepingObserver, kept_for_watchers
from nas_kd.cli.progress.lines import PLAIN_LINE_EVERY_S, LineObserver
from nas_kd.cli.progress.on_stderr import watching
from nas_kd.cli.progress.words import count_text, progress_line

__all__ = [
    "PLAIN_LINE_EVERY_S",
    "BarObserver",
    "KeepingObserver",
    "LineObserver",
    "count_text",
    "kept_for_watchers",
    "progress_line",
    "watching",
]
