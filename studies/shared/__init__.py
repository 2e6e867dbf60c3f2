"""One study of several hosts: an Optuna storage that all of them reach holds work and results."""

from studies.shared.crew import SharedCrew
from studies.shared.opening import shared_study
from studies.shared.storage import open_shared_storage
from studies.shared.study import SharedStudy
from studies.shared.work import WorkStudy

__all__ = [
    "SharedCrew",
    "SharedStudy",
    "WorkStudy",
    "open_shared_storage",
    "shared_study",
]
