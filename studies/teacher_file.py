"""The file of a teacher's weights: a run rests on what it held when the run began."""

from __future__ import annotations

from pathlib import Path

from nas_kd.errors import UsageError
from nas_kd.file_digest import sha256
from studies.recipe import Recipe
from studies.run_directory import RunDirectory

_STATE = "checkpoint"


def require_same_checkpoint(run: RunDirectory, recipe: Recipe) -> None:
    """Keeps the contents of ``teacher.checkpoint`` by their SHA-256, or compares them.

    Raises:
        UsageError: The file holds other weights than those that the run began with, or cannot be
            read.
    """
    file = recipe.teacher.checkpoint
    if file is None:
        return
    now = {"file": str(file), "sha256": weights_file_digest(file)}
    began = run.read_state(_STATE)
    if began is None:
        run.write_state(_STATE, now)
    elif began != now:
        raise UsageError(
            f"checkpoint: {file} holds other weights than when {run.path} began, whose students "
            "were searched and taught with those. Put the earlier file back, or name another "
            "--run-dir."
        )


def weights_file_digest(
    file: Path,
    *,
    subject: str = "",
    advice: str = "Make it readable, or name another --checkpoint.",
) -> str:
    """The SHA-256 of what the file holds.

    Args:
        file: Of weights.
        subject: How a message names it; by default ``checkpoint:`` and its path.
        advice: What to do where it cannot be read.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return sha256(file)
    except OSError as error:
        raise UsageError(
            f"{subject or f'checkpoint: {file}'} cannot be read ({error.strerror}). {advice}"
        ) from error
