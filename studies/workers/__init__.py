"""Who evaluates candidates: this process itself, or worker processes of its own."""

from studies.workers.answer import Answer, Evaluates, Job, Workers
from studies.workers.crew import CHANCES, Crew, LocalCrew
from studies.workers.evaluation import Evaluation
from studies.workers.own_process import OwnProcess
from studies.workers.processes import WorkerProcesses, open_workers
from studies.workers.threads import one_thread

__all__ = [
    "CHANCES",
    "Answer",
    "Crew",
    "Evaluates",
    "Evaluation",
    "Job",
    "LocalCrew",
    "OwnProcess",
    "WorkerProcesses",
    "Workers",
    "one_thread",
    "open_workers",
]
