"""Optuna's dashboard on a run, with what the run has to say beyond its trials.

A run is only read, so a command that is at work on it is not disturbed, and the page follows it.
Note, figures and artifacts are laid over what is read; notes that are written in the dashboard are
kept in ``notes.json`` of the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna_dashboard
from optuna.storages import BaseStorage

from nas_kd.errors import NasKdError, UsageError
from nas_kd.report.dashboard.annotations import Annotations
from nas_kd.report.dashboard.feasible_front import show_feasible_front
from nas_kd.report.dashboard.kept_notes import KeptNotes
from nas_kd.report.dashboard.pretraining_annotations import PretrainingAnnotations
from nas_kd.report.dashboard.search_annotations import SearchAnnotations
from nas_kd.report.dashboard.units import UnitStudy, beginning
from nas_kd.report.dashboard.values_by_now import ValuesByNow
from nas_kd.report.dashboard.view import RunView
from nas_kd.report.progress import read_progress
from nas_kd.training.pretraining import PretrainingFolder
from studies.journal import open_storage
from studies.run_directory import RunDirectory


def dashboard_application(run: RunDirectory) -> Any:
    """The dashboard of a search, as a WSGI application.

    Raises:
        NasKdError: The journal, the result or the notes cannot be read.
    """
    try:
        storage = open_storage(run.journal)
    except (OSError, ValueError, KeyError) as error:
        raise NasKdError(
            f"dashboard: {run.journal} cannot be read ({error}). "
            "Restore the file; `nas-kd search` mends an entry that a kill left unfinished."
        ) from error
    show_feasible_front()
    annotations = SearchAnnotations(run, storage)
    return _application(run.path, storage, annotations, ValuesByNow.of(run))


def pretraining_application(folder: PretrainingFolder) -> Any:
    """The dashboard of a pre-training, whose units are trials, as a WSGI application.

    Raises:
        UsageError: No unit is over yet, or a file cannot be read.
    """
    metrics = folder.read_metrics()
    if not len(metrics):
        raise UsageError(
            f"dashboard: no unit of {folder.path} is over yet ({folder.metrics_csv.name} is "
            "missing). Wait for the first, or start it with the nas-kd pretrain command."
        )
    progress = read_progress(folder)
    units = UnitStudy(
        folder.path.resolve().name,
        metrics,
        total=None if progress is None else progress.total,
        began=beginning(folder.metrics_csv, metrics),
    )
    return _application(folder.path, units.storage, PretrainingAnnotations(folder, units))


def _application(
    path: Path,
    storage: BaseStorage,
    annotations: Annotations,
    values: ValuesByNow | None = None,
) -> Any:
    annotations.attributes()  # a damaged run is told before a server is there
    view = RunView(storage, annotations.attributes, KeptNotes(path / "notes.json"), values)
    return optuna_dashboard.wsgi(view, artifact_store=annotations.artifacts)
