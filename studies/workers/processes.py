"""Worker processes on this machine: started when needed, replaced when they die, never orphaned."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Generic

from nas_kd.errors import NasKdError, UsageError
from search_spaces import Arch
from studies.workers._serving import READY, serve
from studies.workers.answer import Answer, Evaluates, Found, Job, Workers
from studies.workers.own_process import OwnProcess

_FAILED_STARTS = 3
"""Processes in a row that may die before they are ready."""
_END_S = 5.0


@contextmanager
def open_workers(
    job: Job[Found], evaluator: Evaluates[Found], count: int
) -> Iterator[Workers[Found]]:
    """``count`` workers for as long as the context lasts; for one, this process itself.

    Args:
        job: What worker processes are given.
        evaluator: Made from it, for this process.
        count: How many archs are evaluated at a time.
    """
    workers: Workers[Found] = OwnProcess(evaluator) if count == 1 else WorkerProcesses(job, count)
    try:
        yield workers
    finally:
        workers.close()


@dataclass
class _Worker:
    """One process, and the arch that it has."""

    process: SpawnProcess
    connection: Connection
    ready: bool = False
    arch: Arch | None = None


class WorkerProcesses(Generic[Found]):
    """Up to ``count`` processes that evaluate archs, one each at a time.

    Each computes in one thread, as a process alone does (`one_thread`). They end with this process,
    however it ends, and leave Ctrl-C to it.

    Args:
        job: What they are given; it has to be picklable.
        count: How many.
    """

    def __init__(self, job: Job[Found], count: int) -> None:
        self._job = job
        self._count = count
        self._workers: list[_Worker] = []
        self._failed_starts = 0

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that are up."""
        return [w.process.pid for w in self._workers if w.process.pid is not None]

    @property
    def free(self) -> int:
        return self._count - sum(worker.arch is not None for worker in self._workers)

    def submit(self, arch: Arch) -> None:
        idle = next((w for w in self._workers if w.arch is None), None) or self._start()
        idle.arch = arch
        with suppress(BrokenPipeError, ConnectionResetError):  # dead: `answers` will notice
            idle.connection.send(arch)

    def answers(self, timeout_s: float) -> list[Answer[Found]]:
        """Answers of all workers.

        Raises:
            NasKdError: An arch raised, or workers die before they are ready.
        """
        by_connection = {worker.connection: worker for worker in self._workers}
        answers: list[Answer[Found]] = []
        for connection in wait(list(by_connection), timeout_s):
            answers += self._hear(by_connection[connection])  # type: ignore[index]
        return answers

    def close(self) -> None:
        for worker in self._workers:
            worker.connection.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_END_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers = []

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, self._job), daemon=True)
        try:
            process.start()
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise UsageError(
                f"workers: the teacher or the data cannot be handed to another process ({error}). "
                "Use --workers 1, or define their classes at the top of a module."
            ) from error
        finally:
            theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _hear(self, worker: _Worker) -> list[Answer[Found]]:
        try:
            message = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            return self._bury(worker)
        if message == READY:
            worker.ready, self._failed_starts = True, 0
            return []
        if isinstance(message, Exception):
            raise message
        assert worker.arch is not None
        answer, worker.arch = Answer(worker.arch, message), None
        return [answer]

    def _bury(self, worker: _Worker) -> list[Answer[Found]]:
        """Takes a dead worker out; an arch that it never got to goes to another one."""
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.join()
        if worker.ready:
            return [] if worker.arch is None else [Answer(worker.arch, None)]
        self._failed_starts += 1
        if self._failed_starts == _FAILED_STARTS:
            raise NasKdError(
                f"workers: {_FAILED_STARTS} processes in a row ended before they were ready (exit "
                f"code {worker.process.exitcode}). There may be too little memory for so many: "
                "use fewer --workers."
            )
        if worker.arch is not None:
            self.submit(worker.arch)
        return []
