"""Who evaluates candidates: this process itself, or worker processes of its own."""

from studies.workers.answer import Answer, Workers
from studies.workers.crew import Crew, LocalCrew
from studies.workers.evaluation import Evaluation
from studies.workers.own_process import OwnProcess
from studies.workers.processes import WorkerProcesses, open_workers

__all__ = [
    "Answer",
    "Crew",
    "Evaluation",
    "LocalCrew",
    "OwnProcess",
    "WorkerProcesses",
    "Workers",
    "open_workers",
]
