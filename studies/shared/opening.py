"""From a URL to the study of several hosts, for as long as a search takes."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from studies.recipe import Recipe
from studies.run_directory import RunDirectory
from studies.shared.storage import explained, open_shared_storage
from studies.shared.study import SharedStudy

_HOST, _IDENTITY = "host", "identity"


@contextmanager
def shared_study(url: str, name: str, recipe: Recipe, run: RunDirectory) -> Iterator[SharedStudy]:
    """The study ``name`` at ``url``, in which this run takes part while the context lasts.

    Args:
        url: Of the storage.
        name: Of the study.
        recipe: What is searched.
        run: This host's run directory, which no other process works in.

    Raises:
        UsageError: The URL, its driver, or the study's recipe are not the right ones.
        NasKdError: The storage cannot be used, at first or later.
    """
    storage = open_shared_storage(url)
    owner = f"{socket.gethostname()}:{run.path.resolve()}#{_identity(run)}"
    with explained(url):
        study = SharedStudy(storage, name, recipe, owner)
        try:
            yield study
        finally:
            study.work.close()


def _identity(run: RunDirectory) -> str:
    """Tells the run from those of other hosts with the same name and path; stays in a restart."""
    kept = run.read_state(_HOST)
    if kept is None:
        kept = {_IDENTITY: secrets.token_hex(4)}
        run.write_state(_HOST, kept)
    return str(kept[_IDENTITY])
