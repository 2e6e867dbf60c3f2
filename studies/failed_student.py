"""Whether it is a student that failed, so that another one may take its place."""

from __future__ import annotations

from nas_kd.errors import ExportError, NasKdError, NotFiniteError


def student_failed(error: NasKdError) -> bool:
    """Whether the error is the student's own, which that of a full disk, say, is not."""
    failed = isinstance(error, NotFiniteError | ExportError)
    return failed and not isinstance(error.__cause__, OSError)
