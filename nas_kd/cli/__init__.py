"""The command line: one small file a verb, heavy libraries imported only by the verb that runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs ``nas-kd`` and returns the exit code (`nas_kd.errors.ExitCode`).

    Args:
        arguments: The words after ``nas-kd``; by default those of this process.
    """
    from nas_kd.cli.running import run_command

    return run_command(list(sys.argv[1:] if arguments is None else arguments))
