"""What the dashboard says of a pre-training beyond its units."""

from __future__ import annotations

from nas_kd.report.dashboard.annotations import ON_STUDY, Annotations, changed
from nas_kd.report.dashboard.artifacts import pretraining_files
from nas_kd.report.dashboard.pretraining_note import pretraining_note
from nas_kd.report.dashboard.units import UnitStudy
from nas_kd.report.pretraining.document import read_pretraining
from nas_kd.report.pretraining.figures import metric_figures
from nas_kd.training.pretraining import PretrainingFolder


class PretrainingAnnotations(Annotations):
    """Of a pre-training, at work or finished; units that are new become trials.

    Args:
        folder: Its directory.
        units: Its units as trials.
    """

    def __init__(self, folder: PretrainingFolder, units: UnitStudy) -> None:
        super().__init__()
        self._folder = folder
        self._units = units
        self._seen: tuple[int | None, ...] = ()

    def _look(self) -> bool:
        folder = self._folder
        seen = (changed(folder.metrics_csv), changed(folder.facts_json))
        if seen == self._seen:
            return False
        document, metrics = read_pretraining(folder), folder.read_metrics()
        self._units.add(metrics)
        self._write(pretraining_note(document))
        self._draw(metric_figures(metrics))
        self._attach((ON_STUDY, file) for file in pretraining_files(folder, document))
        self._seen = seen
        return True
