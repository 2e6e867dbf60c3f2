"""What ``nas-kd show`` can show: searches, the pre-training of a supernet, and what follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nas_kd.cli.progress import progress_line
from nas_kd.report.supernet_tables import supernet_tables
from nas_kd.report.text_tables import lesson_tables
from studies.run_directory import CHOSEN, LESSON, SUPERNET_SEARCH, RunDirectory

if TYPE_CHECKING:
    from rich.console import RenderableType

    from nas_kd.training.pretraining import PretrainingFolder

Document = Mapping[str, Any]


class ShownRun(Protocol):
    """A run that can be looked at again and again."""

    def read(self) -> dict[str, Any]:
        """Its document as it is now."""
        ...

    def is_finished(self, document: Document) -> bool: ...

    def tables(self, document: Document) -> Iterable[RenderableType]:
        """All that there is to say."""
        ...

    def status(self, document: Document) -> list[str]:
        """How far it is, and the best or last result, in lines."""
        ...


def open_run(path: Path) -> ShownRun:
    """The run in a directory.

    Raises:
        UsageError: There is none.
    """
    from nas_kd.training.pretraining import PretrainingFolder

    folder = PretrainingFolder.open(path)
    if folder is not None:
        return ShownPretraining(folder)
    run = RunDirectory(path)
    kind = run.kind_without_trials()
    if kind is not None:
        return ShownWork(run, kind)
    run = RunDirectory.open(path)
    return ShownSearch(run) if run.read_state(CHOSEN) is None else ShownStudent(run)


class ShownSearch:
    """A search for students."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run

    def read(self) -> dict[str, Any]:
        from nas_kd.report.run_document import read_document

        return read_document(self._run)

    def is_finished(self, document: Document) -> bool:
        return bool(document.get("student"))

    def tables(self, document: Document) -> Iterable[RenderableType]:
        from nas_kd.report.tables import result_tables

        return result_tables(document)

    def status(self, document: Document) -> list[str]:
        """Trials, phase, rate and time left, and the best so far, where they are known."""
        trials = document["trials"] or "all"  # how many an exhaustive search will have, it tells
        head = f"{document['run_dir']}: {document['evaluated']} of {trials} trials"
        return [head, *_progress_lines(document)]


class ShownStudent(ShownSearch):
    """The training of one chosen student."""

    def read(self) -> dict[str, Any]:
        from nas_kd.report.progress import progress_document

        return self._run.read_result() or {
            "run_dir": str(self._run.path),
            "arch": self._run.read_state(CHOSEN),
            "progress": progress_document(self._run),
        }

    def tables(self, document: Document) -> Iterable[RenderableType]:
        if self.is_finished(document):
            return super().tables(document)
        return ["; ".join(self.status(document))]

    def status(self, document: Document) -> list[str]:
        """The architecture, phase and time left, where they are known."""
        arch = ", ".join(f"{name}={value}" for name, value in document["arch"].items())
        return [f"{document['run_dir']}: distillation of {arch}", *_progress_lines(document)]


class ShownPretraining:
    """The pre-training of a supernet."""

    def __init__(self, folder: PretrainingFolder) -> None:
        self._folder = folder

    def read(self) -> dict[str, Any]:
        from nas_kd.report.pretraining.document import read_pretraining

        return read_pretraining(self._folder)

    def is_finished(self, document: Document) -> bool:
        return document["supernet"] is not None

    def tables(self, document: Document) -> Iterable[RenderableType]:
        from nas_kd.report.pretraining.tables import pretraining_tables

        return pretraining_tables(document)

    def status(self, document: Document) -> list[str]:
        """Units, rate and time left, and all metrics of the last unit."""
        from nas_kd.report.pretraining.facts import last_line
        from nas_kd.report.progress import progress_of

        lines = [f"{document['run_dir']}: {document['method']} on {document['space']}"]
        progress = progress_of(document)
        if progress is not None:
            lines.append(progress_line(replace(progress, done=document["units"])))
        return [*lines, *filter(None, [last_line(document)])]


class ShownWork:
    """A command without trials: the search of a supernet, or the lesson of a student of text."""

    def __init__(self, run: RunDirectory, kind: str) -> None:
        self._run = run
        self._kind = kind

    def read(self) -> dict[str, Any]:
        from nas_kd.report.progress import progress_document

        if result := self._run.read_result():
            return result
        known = self._run.read_state(self._kind) or {}
        return {
            **known,
            "run_dir": str(self._run.path),
            "progress": progress_document(self._run),
        }

    def is_finished(self, document: Document) -> bool:
        return "schema" in document

    def tables(self, document: Document) -> Iterable[RenderableType]:
        if self.is_finished(document):
            return _SUMMARIES[self._kind](document)
        return ["; ".join(self.status(document))]

    def status(self, document: Document) -> list[str]:
        """How far it is, rate, time left and the best so far, where they are known."""
        return [f"{document['run_dir']}: {self._kind}", *_progress_lines(document)]


def _progress_lines(document: Document) -> list[str]:
    """Phase, rate and time left of a command at work, and the best so far, where they are known."""
    from nas_kd.report.progress import progress_of

    progress = progress_of(document)
    if progress is None:
        return []
    return [progress_line(progress), *([f"best so far: {progress.best}"] if progress.best else [])]


_SUMMARIES: Mapping[str, Callable[[Document], Iterable[RenderableType]]] = {
    SUPERNET_SEARCH: supernet_tables,
    LESSON: lesson_tables,
}
"""Kind of a run without trials to what shows its result."""
