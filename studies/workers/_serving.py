"""The other side of `studies.workers.processes`: what a worker process does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection, wait

from nas_kd.errors import NasKdError
from nas_kd.machine_lock import machine_shared
from search_spaces import Arch
from studies.workers.answer import Evaluates, Job
from studies.workers.threads import one_thread

READY = "ready"


def serve(connection: Connection, job: Job[object]) -> None:
    """Evaluates every arch that comes until nobody is there to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    evaluator = job.evaluator()
    try:
        connection.send(READY)
        while True:
            connection.send(_answer(evaluator, connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _answer(evaluator: Evaluates[object], arch: Arch) -> object:
    """What was found out, or the error that came instead."""
    try:
        with machine_shared(), one_thread():
            return evaluator.evaluate(arch)
    except NasKdError as error:
        return error
    except Exception as error:
        return NasKdError(
            f"workers: {arch.key} cannot be evaluated ({type(error).__name__}: {error}). "
            "Run again with --workers 1 and --debug to see where."
        )


def _end_with_parent() -> None:
    """Ends this process at once, in the middle of whatever it does, when its parent is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
