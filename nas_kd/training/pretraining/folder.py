"""The directory of one pre-training."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.errors import UsageError
from nas_kd.folder_lock import made_and_locked, working_alone
from nas_kd.frozen_jobs import changed_names
from nas_kd.sealed import unsealed, write_sealed
from nas_kd.training.pretraining.saved_files import changed_files, saved_files
from nas_kd.whole_files import write_whole

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "nas-kd.pretrain/1"

JOB = "job"
"""Name of what is trained in the checkpoint of a training."""

_FILES = "files"
_ANOTHER = "Restore it, or name another --run-dir."
_MADE_AGAIN = "Restore it, or run the same `nas-kd pretrain` command, which makes it again."


class PretrainingFolder:
    """``runs/<name>/``: what is trained (``pretrain.json``), checkpoint, metrics, supernet.

    Attributes:
        path: The directory.
        metrics_csv: A row for every unit.
        facts_json: What is known of the finished supernet; its weights lie beside it.
        log: Where the traceback of an unforeseen error goes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics_csv = path / "metrics.csv"
        self.facts_json = path / "supernet.json"
        self.log = path / "nas-kd.log"
        self._frozen = path / "pretrain.json"

    def claim(
        self, job: Mapping[str, Any], tell: Callable[[str], object] = lambda said: None
    ) -> None:
        """Ties the directory to ``job``, by name and value of what decides the result.

        One that ended before its first unit, as by a wrong path, makes way for the new one. Where
        ``pretrain.json`` is damaged or missing, the checkpoint says what is trained; ``tell`` is
        told that a damaged one is made again.

        Raises:
            UsageError: It holds another pre-training, or another kind of run, or is a file, or is
                damaged so far that nothing says what it holds.
            NasKdError: It cannot be written.
        """
        frozen, damage = {"schema": SCHEMA, **job}, ""
        try:
            kept = self.job()
        except UsageError as error:
            kept, damage = None, error.reason
        if kept is None and self._is_begun():
            kept = self._job_of_checkpoint(str(job.get("method")))
            if kept is None and damage:
                raise UsageError(damage, _ANOTHER)
        changed = changed_names(kept or {}, frozen)
        if kept and changed and self._is_begun():
            raise UsageError(
                f"pretrain: {self.path} holds another training ({', '.join(changed)} changed). "
                "Name another --run-dir."
            )
        if (self.path / "recipe.json").exists():
            raise UsageError(f"pretrain: {self.path} holds a search. Name another --run-dir.")
        if not changed and not damage and self._frozen.exists():
            return
        with made_and_locked(self.path):
            write_sealed(self._frozen, frozen)
            self.log.touch()
        if damage:
            tell(f"{damage} It is made again.")

    def _job_of_checkpoint(self, method: str) -> dict[str, Any] | None:
        """What a whole checkpoint of a training by ``method`` says is trained here; else None."""
        from nas_kd.training.checkpoint import CheckpointFile

        try:
            state = CheckpointFile(self.path, {"method": method}).load() or {}
        except UsageError:
            return None
        return state.get(JOB)

    def _is_begun(self) -> bool:
        """Whether a unit was trained here."""
        checkpoints = any(self.path.glob("*.pt"))
        return checkpoints or self.metrics_csv.exists() or self.facts_json.exists()

    @classmethod
    def open(cls, path: Path) -> PretrainingFolder | None:
        """The pre-training at ``path``; None where there is none."""
        folder = cls(path)
        return folder if folder._frozen.is_file() else None

    def job(self) -> dict[str, Any] | None:
        """What is trained here; None where nothing is.

        Raises:
            UsageError: The file that says it is damaged.
        """
        return _read(self._frozen)

    def lock(self) -> AbstractContextManager[None]:
        """Keeps a second command off the directory."""
        return working_alone(self.path)

    def write_metrics(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Replaces ``metrics.csv``; a column that a row lacks is empty in it."""
        columns = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(self.metrics_csv, text.getvalue())

    def read_metrics(self) -> pd.DataFrame:
        """A row of numbers for every unit so far; empty before the first.

        Raises:
            UsageError: The file is damaged.
        """
        import pandas as pd

        if not self.metrics_csv.is_file():
            return pd.DataFrame()
        try:
            return pd.read_csv(self.metrics_csv, dtype=float).astype(
                {"unit": int, "seconds": float}
            )
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(
                f"pretrain: {self.metrics_csv} is damaged ({error}).", _MADE_AGAIN
            ) from error

    def has_whole_metrics(self) -> bool:
        """Whether `read_metrics` gives the rows of the units."""
        try:
            return not self.read_metrics().empty
        except UsageError:
            return False

    def work(self, *parts: str) -> Path:
        """A path for what is kept while it runs; its folder is made."""
        path = self.path.joinpath("work", *parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def read_state(self, name: str) -> dict[str, Any] | None:
        """What `write_state` kept under ``name``; None when there is nothing, or nothing whole."""
        try:
            return _read(self.path / "work" / f"{name}.json")
        except UsageError:
            return None

    def write_state(self, name: str, state: Mapping[str, Any]) -> None:
        write_sealed(self.work(f"{name}.json"), state)

    def facts(self) -> dict[str, Any] | None:
        """What is known of the finished supernet; None before it is finished."""
        return _read(self.facts_json)

    def changed_files(self) -> list[Path]:
        """Files of the finished supernet that are missing, or not as the training wrote them.

        None are known of a training whose ``supernet.json`` holds no checksums.
        """
        return changed_files(self.path, (self.facts() or {}).get(_FILES, {}))

    def identity(self) -> str:
        """Tells this training from all others, also from a later one in the same directory.

        It is the SHA-256 of what is trained here and of what is known of the result.
        """
        known = json.dumps([self.job(), self.facts()], sort_keys=True)
        return hashlib.sha256(known.encode()).hexdigest()

    def write_facts(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Says that the supernet is finished; the facts with the checksums of files they name.

        Raises:
            OSError: It cannot be written.
        """
        known = {**facts, _FILES: saved_files(self.path, facts)}
        write_sealed(self.facts_json, known)
        return known


def _read(path: Path) -> dict[str, Any] | None:
    """A sealed file's content.

    Raises:
        UsageError: It is damaged.
    """
    if not path.is_file():
        return None
    try:
        return unsealed(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"pretrain: {path} is damaged ({error}).", _MADE_AGAIN) from error
