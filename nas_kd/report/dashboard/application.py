"""Optuna's dashboard on a run, with what the run has to say beyond its trials."""

from __future__ import annotations

from typing import Any

import optuna_dashboard

from nas_kd.errors import NasKdError
from nas_kd.report.dashboard.annotations import Annotations
from nas_kd.report.dashboard.feasible_front import show_feasible_front
from nas_kd.report.dashboard.kept_notes import KeptNotes
from nas_kd.report.dashboard.view import RunView
from studies.journal import open_storage
from studies.run_directory import RunDirectory


def dashboard_application(run: RunDirectory) -> Any:
    """The dashboard as a WSGI application.

    The run is only read, so a search that is at work on it is not disturbed, and the page follows
    it. Note, figures and artifacts are laid over what is read; notes that are written in the
    dashboard are kept in ``notes.json`` of the run.

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
    annotations = Annotations(run, storage)
    annotations.attributes()  # a damaged run is told before a server is there
    show_feasible_front()
    view = RunView(storage, annotations.attributes, KeptNotes(run.path / "notes.json"))
    return optuna_dashboard.wsgi(view, artifact_store=annotations.artifacts)
