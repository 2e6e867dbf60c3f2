"""One pre-training from the command line: watched, reported, in one process or many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nas_kd.cli.console import note
from nas_kd.cli.progress import kept_for_watchers, watching
from nas_kd.cli.running import keeping_traceback
from nas_kd.errors import NasKdError
from nas_kd.report.pretraining.document import read_pretraining
from nas_kd.report.pretraining.writing import write_pretraining_report
from nas_kd.training.pretraining import Job, Method, PretrainingFolder, pretrain
from nas_kd.training.pretraining.method import Stopwatch
from nas_kd.training.processes import end_together, make_accelerator
from search_spaces import create_space
from studies.observer import Observer
from studies.stopwatch import KeptStopwatch


def run_pretraining(
    method: Method, frozen: dict[str, Any], directory: Path
) -> dict[str, Any] | None:
    """The document of the finished training; None in all processes but the first."""
    folder = PretrainingFolder(directory)
    job = _job(method, frozen, KeptStopwatch(directory / "operation_latency.json", note))
    if not job.accelerator.is_main_process:
        pretrain(method, job, folder, lambda *told: None)
        end_together(job.accelerator)
        return None
    folder.claim(frozen, note)
    with watching() as observer, keeping_traceback(folder.log), folder.lock():
        observer.note(f"Working in {directory}. Ctrl-C at any time: the same command continues.")
        with _reported(folder) as report, kept_for_watchers(observer, folder) as kept:
            pretrain(method, job, folder, _Shown(kept, report))
    end_together(job.accelerator)
    return read_pretraining(folder)


@contextmanager
def _reported(folder: PretrainingFolder) -> Iterator[Callable[[], object]]:
    """Writes the report when the work is over, also when it was interrupted, or when asked to."""
    try:
        yield lambda: write_pretraining_report(folder)
    except BaseException:
        with suppress(NasKdError, OSError):  # what has gone wrong is told, not this
            write_pretraining_report(folder)
        raise
    write_pretraining_report(folder)


class _Shown:
    """Shows an observer how many units are over; a report shows those of an earlier command."""

    def __init__(self, observer: Observer, report: Callable[[], object]) -> None:
        self._observer = observer
        self._report = report
        self._total = 0

    def __call__(self, done: int, total: int, best: str) -> None:
        if not self._total:
            self._report()
        if total != self._total:  # the first time, and where a method stops early
            self._total = total
            self._observer.phase("pretrain", total)
        self._observer.advance(done, best=best)


def _job(method: Method, frozen: dict[str, Any], stopwatch: Stopwatch) -> Job:
    settings = method.settings(**frozen["settings"])
    accelerator = make_accelerator(settings.precision)
    return Job(
        space=create_space(frozen["space"], **frozen["space_options"]),
        settings=settings,
        data=frozen["data"],
        teacher=frozen["teacher"],
        checkpoint=None if frozen["checkpoint"] is None else Path(frozen["checkpoint"]),
        image_size=frozen["image_size"],
        seed=frozen["seed"],
        accelerator=accelerator,
        stopwatch=stopwatch,
        space_options=frozen["space_options"],
        note=note if accelerator.is_main_process else _ignore,
    )


def _ignore(said: str) -> None: ...
