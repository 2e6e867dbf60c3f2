"""What Optuna's dashboard shows of a run beyond the trials: a note and the interactive figures."""

from __future__ import annotations

from typing import Any

import optuna
import optuna_dashboard
from optuna.artifacts import FileSystemArtifactStore

from nas_kd.report.figures import run_figures
from nas_kd.report.measurements import read_measurements
from nas_kd.report.note import study_note
from nas_kd.report.run_document import read_document
from studies.journal import open_storage
from studies.run_directory import RunDirectory

_ROOM_FOR_HEADING = 90


def dashboard_application(run: RunDirectory) -> Any:
    """The dashboard as a WSGI application, with the run's artifacts where there are any."""
    artifacts = run.path / "artifacts"
    store = FileSystemArtifactStore(str(artifacts)) if artifacts.is_dir() else None
    return optuna_dashboard.wsgi(open_storage(run.journal), artifact_store=store)


def annotate_study(run: RunDirectory) -> None:
    """Puts the result and the figures on the study; a second call changes nothing."""
    study = optuna.load_study(study_name=None, storage=open_storage(run.journal))
    document = read_document(run)
    note = study_note(document)
    if optuna_dashboard.get_note(study) == note:
        return
    optuna_dashboard.save_note(study, note)
    candidates = run.read_candidates()
    measured = read_measurements(run, candidates, document)
    for shown in run_figures(candidates, measured, document):
        shown.figure.update_layout(
            title={"text": shown.heading, "y": 0.98, "yanchor": "top"},
            margin={"t": _ROOM_FOR_HEADING},
        )
        optuna_dashboard.save_plotly_graph_object(
            study, shown.figure, graph_object_id=f"nas-kd-{shown.name}"
        )
