"""What the dashboard says of a search beyond its trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from optuna.storages import BaseStorage

from nas_kd.report.dashboard.annotations import ON_STUDY, ON_TRIAL, Annotations, changed
from nas_kd.report.dashboard.artifacts import Artifact, candidate_files, run_files
from nas_kd.report.dashboard.note import study_note
from nas_kd.report.figures import run_figures
from nas_kd.report.measurements import read_measurements
from nas_kd.report.run_document import read_document
from studies.run_directory import FOUND, RunDirectory

if TYPE_CHECKING:
    import pandas as pd


class SearchAnnotations(Annotations):
    """Of a search, at work or finished.

    Args:
        run: Its directory.
        storage: Its storage.
    """

    def __init__(self, run: RunDirectory, storage: BaseStorage) -> None:
        super().__init__()
        self._run = run
        self._storage = storage
        self._seen: tuple[Any, ...] = ()
        self._shown: tuple[Any, ...] = ()

    def _look(self) -> bool:
        shown = self._state_of_files()
        seen = (*shown, changed(self._run.path / "work" / f"{FOUND}.json"))
        if seen == self._seen:
            return False
        document = read_document(self._run)
        self._write(study_note(document, self._run.recipe))
        if shown != self._shown:
            candidates = self._run.read_candidates()
            measured = read_measurements(self._run, candidates, document)
            self._draw(run_figures(candidates, measured, document))
            self._attach(self._attached(candidates, document))
        self._seen, self._shown = seen, shown
        return True

    def _state_of_files(self) -> tuple[Any, ...]:
        """Changes when a figure or an artifact would be another one."""
        run = self._run
        measured = sum(1 for _ in (run.path / "work" / "latency").glob("*.json"))
        files = (run.candidates_csv, run.result_json, run.path / "report.html")
        return (measured, *map(changed, files))

    def _attached(
        self, candidates: pd.DataFrame, document: Mapping[str, Any]
    ) -> Iterator[tuple[str, Artifact]]:
        """Each artifact with the place of the study or trial that it belongs to."""
        for artifact in run_files(self._run):
            yield ON_STUDY, artifact
        files = candidate_files(self._run, document)
        if not files or not len(candidates):
            return
        (study,) = self._storage.get_all_studies()
        first = candidates[candidates["key"].isin(files)].drop_duplicates("key")
        for number, key in zip(first["trial"].astype(int), first["key"], strict=True):
            trial = self._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
            for artifact in files[key]:
                yield ON_TRIAL.format(trial=trial), artifact
