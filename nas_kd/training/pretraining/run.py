"""Pre-training from where its directory stands to its end."""

from __future__ import annotations

import time
from typing import Any

from nas_kd.errors import UsageError
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.pretraining.folder import JOB, PretrainingFolder
from nas_kd.training.pretraining.method import Job, Method, Session
from nas_kd.training.processes import computing
from nas_kd.training.progress import Progress
from nas_kd.whole_files import put_aside


def pretrain(
    method: Method, job: Job, folder: PretrainingFolder, on_progress: Progress
) -> dict[str, Any]:
    """Trains the supernet and writes it into ``folder``.

    The state is kept after every unit; the same call continues from there, also after it was
    killed, and in one process on a CPU ends with the same bits. Every process of a distributed
    run calls this; the first one writes. What is missing, damaged or was changed of a finished
    supernet is made again from the last state; a state that is damaged is put aside.

    Args:
        method: How to train.
        job: On what.
        folder: A directory claimed for this job.
        on_progress: Told after every unit.

    Returns:
        Facts about the finished supernet, which ``supernet.json`` holds, too.

    Raises:
        UsageError: The job does not fit together, or the checkpoint is of another method.
        NasKdError: The loss is no longer finite, or a file cannot be written.
    """
    checkpoint = CheckpointFile(folder.path, {"method": method.name}, job.note)
    is_first = job.accelerator.is_main_process
    if (facts := _finished(job, folder)) is not None:
        if is_first and not folder.has_whole_metrics() and (kept := checkpoint.load()) is not None:
            folder.write_metrics(kept["history"])
        return facts
    frozen = folder.job() if is_first else None
    session = method.start(job)
    history = _resume(session, checkpoint)
    if is_first and history:
        folder.write_metrics(history)  # a kill may have come between the checkpoint and these
    while len(history) < session.total:
        on_progress(len(history), session.total, session.best())
        with computing(job.accelerator):
            row = _run_unit(session, len(history) + 1)
        history.append(row)
        if is_first:
            checkpoint.save({JOB: frozen, "history": history, "session": session.state()})
            folder.write_metrics(history)
    on_progress(len(history), len(history), session.best())
    facts = {"units": len(history), "seconds": sum(row["seconds"] for row in history)}
    if is_first:
        facts = folder.write_facts(facts | session.save(folder.path))
    return facts


def _finished(job: Job, folder: PretrainingFolder) -> dict[str, Any] | None:
    """What is known of a finished supernet whose files are as they were written; else None."""
    try:
        facts = folder.facts()
    except UsageError as error:
        job.note(f"{error.reason} The supernet is made again.")
        if job.accelerator.is_main_process:
            put_aside(folder.facts_json)
        return None
    if facts is None or not (changed := folder.changed_files()):
        return facts
    names = ", ".join(map(str, changed))
    job.note(f"{names}: missing, or not as the training wrote it. The supernet is made again.")
    return None


def _resume(session: Session, checkpoint: CheckpointFile) -> list[dict[str, float]]:
    """Rows of the units that are over."""
    kept = checkpoint.load()
    if kept is None:
        return []
    session.load(kept["session"])
    history: list[dict[str, float]] = kept["history"]
    return history


def _run_unit(session: Session, number: int) -> dict[str, float]:
    began = time.monotonic()
    metrics = session.run_unit()
    return {"unit": number, **metrics, "seconds": time.monotonic() - began}
