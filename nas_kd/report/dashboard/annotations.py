"""What the dashboard says of a run beyond its trials: note, figures, artifacts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import optuna_dashboard
from optuna.storages import BaseStorage

from nas_kd.report.dashboard.artifacts import Artifact, RunArtifacts, candidate_files, run_files
from nas_kd.report.dashboard.note import study_note
from nas_kd.report.figures import run_figures
from nas_kd.report.measurements import read_measurements
from nas_kd.report.run_document import read_document
from studies.run_directory import FOUND, RunDirectory

if TYPE_CHECKING:
    import pandas as pd

_EVERY_SECONDS = 3.0
# What fits into the dashboard's cards, in pixels.
_HEIGHT, _ROOM_FOR_HEADING = 430, 80
# Where optuna-dashboard looks for artifacts of finished trials, which take no attributes any more.
_ON_TRIAL, _ON_STUDY = "dashboard:artifacts:{trial}:", "artifacts:"


class Annotations:
    """Looks at a run again when it has changed, at most every few seconds.

    Args:
        run: The run, at work or finished.
        storage: Its storage.
    """

    def __init__(self, run: RunDirectory, storage: BaseStorage) -> None:
        self.artifacts = RunArtifacts()
        self._run = run
        self._storage = storage
        self._carrier = optuna.create_study(storage=optuna.storages.InMemoryStorage())
        self._lock = threading.Lock()
        self._looked = -_EVERY_SECONDS
        self._seen: tuple[Any, ...] = ()
        self._shown: tuple[Any, ...] = ()
        self._files: dict[str, str] = {}
        self._attributes: Mapping[str, Any] = {}

    def attributes(self) -> Mapping[str, Any]:
        """System attributes for the run's study, in the form in which the dashboard reads them."""
        with self._lock:
            if time.monotonic() - self._looked >= _EVERY_SECONDS:
                self._look()
                self._looked = time.monotonic()
            return self._attributes

    def _look(self) -> None:
        shown = self._state_of_files()
        seen = (*shown, _changed(self._run.path / "work" / f"{FOUND}.json"))
        if seen == self._seen:
            return
        document = read_document(self._run)
        note = study_note(document, self._run.recipe)
        if optuna_dashboard.get_note(self._carrier) != note:
            optuna_dashboard.save_note(self._carrier, note)
        if shown != self._shown:
            candidates = self._run.read_candidates()
            self._draw(candidates, document)
            self._attach(candidates, document)
        carried = self._carrier._storage.get_study_system_attrs(self._carrier._study_id)
        self._attributes = {**carried, **self._files}
        self._seen, self._shown = seen, shown

    def _state_of_files(self) -> tuple[Any, ...]:
        """Changes when a figure or an artifact would be another one."""
        run = self._run
        measured = sum(1 for _ in (run.path / "work" / "latency").glob("*.json"))
        files = (run.candidates_csv, run.result_json, run.path / "report.html")
        return (measured, *map(_changed, files))

    def _draw(self, candidates: pd.DataFrame, document: Mapping[str, Any]) -> None:
        measured = read_measurements(self._run, candidates, document)
        for shown in run_figures(candidates, measured, document):
            shown.figure.update_layout(
                title={"text": shown.heading, "y": 0.97, "yanchor": "top", "font": {"size": 15}},
                height=_HEIGHT,
                margin={"t": _ROOM_FOR_HEADING},
            )
            optuna_dashboard.save_plotly_graph_object(
                self._carrier, shown.figure, graph_object_id=f"nas-kd-{shown.name}"
            )

    def _attach(self, candidates: pd.DataFrame, document: Mapping[str, Any]) -> None:
        attached = list(self._attached(candidates, document))
        self._files = {f"{place}{a.identifier}": a.meta for place, a in attached}
        self.artifacts.offer(artifact for _, artifact in attached)

    def _attached(
        self, candidates: pd.DataFrame, document: Mapping[str, Any]
    ) -> Iterator[tuple[str, Artifact]]:
        """Each artifact with the place of the study or trial that it belongs to."""
        for artifact in run_files(self._run):
            yield _ON_STUDY, artifact
        files = candidate_files(self._run, document)
        if not files or not len(candidates):
            return
        (study,) = self._storage.get_all_studies()
        first = candidates[candidates["key"].isin(files)].drop_duplicates("key")
        for number, key in zip(first["trial"].astype(int), first["key"], strict=True):
            trial = self._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
            for artifact in files[key]:
                yield _ON_TRIAL.format(trial=trial), artifact


def _changed(path: Path) -> int | None:
    """When a file was changed last; None where it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
