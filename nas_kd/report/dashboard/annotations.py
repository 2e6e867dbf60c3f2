"""What the dashboard says of a run beyond its trials: note, figures, artifacts."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import optuna
import optuna_dashboard

from nas_kd.report.dashboard.artifacts import Artifact, RunArtifacts
from nas_kd.report.figures import RunFigure

_EVERY_SECONDS = 3.0
# What fits into the dashboard's cards, in pixels.
_HEIGHT, _ROOM_FOR_HEADING = 430, 80
ON_TRIAL, ON_STUDY = "dashboard:artifacts:{trial}:", "artifacts:"
"""Where optuna-dashboard looks for artifacts; finished trials take no attributes any more."""


class Annotations(ABC):
    """Looks at a run again when it has changed, at most every few seconds.

    Attributes:
        artifacts: The files that are offered.
    """

    def __init__(self) -> None:
        self.artifacts = RunArtifacts()
        self._carrier = optuna.create_study(storage=optuna.storages.InMemoryStorage())
        self._lock = threading.Lock()
        self._looked = -_EVERY_SECONDS
        self._files: dict[str, str] = {}
        self._attributes: Mapping[str, Any] = {}

    def attributes(self) -> Mapping[str, Any]:
        """System attributes for the run's study, in the form in which the dashboard reads them."""
        with self._lock:
            if time.monotonic() - self._looked >= _EVERY_SECONDS:
                if self._look():
                    carried = self._carrier._storage.get_study_system_attrs(self._carrier._study_id)
                    self._attributes = {**carried, **self._files}
                self._looked = time.monotonic()
            return self._attributes

    @abstractmethod
    def _look(self) -> bool:
        """Writes the note, draws and attaches what has changed; whether anything has."""

    def _write(self, note: str) -> None:
        if optuna_dashboard.get_note(self._carrier) != note:
            optuna_dashboard.save_note(self._carrier, note)

    def _draw(self, figures: Iterable[RunFigure]) -> None:
        for shown in figures:
            shown.figure.update_layout(
                title={"text": shown.heading, "y": 0.97, "yanchor": "top", "font": {"size": 15}},
                height=_HEIGHT,
                margin={"t": _ROOM_FOR_HEADING},
            )
            optuna_dashboard.save_plotly_graph_object(
                self._carrier, shown.figure, graph_object_id=f"nas-kd-{shown.name}"
            )

    def _attach(self, attached: Iterable[tuple[str, Artifact]]) -> None:
        """Offers the artifacts, each with the place of the study or trial that it belongs to."""
        offered = list(attached)
        self._files = {
            f"{place}{artifact.identifier}": artifact.meta for place, artifact in offered
        }
        self.artifacts.offer(file for _, file in offered)


def changed(path: Path) -> int | None:
    """When a file was changed last; None where it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
