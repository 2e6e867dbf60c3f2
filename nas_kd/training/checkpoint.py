"""Checkpoints of a training: written atomically, loaded without unpickling objects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from nas_kd.errors import NasKdError, UsageError
from nas_kd.whole_files import replaced

FILE = "training.pt"

_IDENTITY = "identity"


class CheckpointFile:
    """The checkpoint of one training in a directory.

    Args:
        directory: Made when the first checkpoint is written.
        identity: What the training is, as texts by name. A checkpoint of another one is refused.
    """

    def __init__(self, directory: Path, identity: Mapping[str, str]) -> None:
        self.path = directory / FILE
        self._identity = dict(identity)

    def save(self, state: Mapping[str, Any]) -> None:
        """Replaces the checkpoint; whenever this is interrupted, one whole checkpoint is there.

        Args:
            state: Tensors, numbers, texts, lists and dictionaries.

        Raises:
            NasKdError: The file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replaced(self.path) as draft:
                torch.save({**state, _IDENTITY: self._identity}, draft)
        except (OSError, RuntimeError) as error:
            raise NasKdError(
                f"training: the checkpoint {self.path} cannot be written ({error}). Make the "
                "directory writable and free some space; the last checkpoint is intact."
            ) from error

    def load(self) -> dict[str, Any] | None:
        """What was saved last; None when nothing was.

        Raises:
            UsageError: The file is damaged, or belongs to another training.
        """
        if not self.path.is_file():
            return None
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            theirs = state.pop(_IDENTITY)
        except Exception as error:  # torch raises many kinds for damaged files
            raise UsageError(
                f"training: the checkpoint {self.path} is damaged or not one of ours, and nothing "
                f"in it was run ({type(error).__name__}). Delete it to start this training afresh."
            ) from error
        names = theirs.keys() | self._identity.keys()
        if changed := sorted(n for n in names if theirs.get(n) != self._identity.get(n)):
            raise UsageError(
                f"training: {self.path} belongs to another training (other {', '.join(changed)}). "
                "Give another directory, or delete the file to start afresh."
            )
        loaded: dict[str, Any] = state
        return loaded
