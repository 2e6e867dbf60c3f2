"""Checkpoints of a training: written atomically, loaded without unpickling objects."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from nas_kd.errors import NasKdError, UsageError
from nas_kd.whole_files import name_for_damaged, put_aside, replaced

FILE = "training.pt"

_IDENTITY = "identity"
_DIGEST_BYTES = hashlib.sha256().digest_size


class DamagedCheckpointError(UsageError):
    """A checkpoint that is not what was written, or not one of ours.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"training: the checkpoint {path} is damaged or not one of ours, and nothing in it was "
            f"run ({reason}). Delete it to start this training afresh."
        )
        self.path = path


class CheckpointFile:
    """The checkpoint of one training in a directory: what torch writes, and a SHA-256 behind it.

    Args:
        directory: Made when the first checkpoint is written.
        identity: What the training is, as texts by name. A checkpoint of another one is refused.
        tell: Told that a damaged checkpoint was put aside, so that the training starts afresh; None
            refuses a damaged one.
    """

    def __init__(
        self,
        directory: Path,
        identity: Mapping[str, str],
        tell: Callable[[str], object] | None = None,
    ) -> None:
        self.path = directory / FILE
        self._identity = dict(identity)
        self._tell = tell
        self._has_saved = False

    def save(self, state: Mapping[str, Any]) -> None:
        """Replaces the checkpoint; whenever this is interrupted, one whole checkpoint is there.

        Args:
            state: Tensors, numbers, texts, lists and dictionaries.

        Raises:
            NasKdError: The file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self._has_saved:
                self._remove_drafts()
                self._has_saved = True
            content = BytesIO()
            torch.save({**state, _IDENTITY: self._identity}, content)
            with replaced(self.path) as draft, draft.open("wb") as file:
                file.write(content.getbuffer())
                file.write(hashlib.sha256(content.getbuffer()).digest())
        except (OSError, RuntimeError) as error:
            raise NasKdError(
                f"training: the checkpoint {self.path} cannot be written ({error}). Make the "
                "directory writable and free some space; the last checkpoint is intact."
            ) from error

    def load(self) -> dict[str, Any] | None:
        """What was saved last; None when nothing was, or where it was damaged and put aside.

        Raises:
            DamagedCheckpointError: The file is damaged, and nobody is told of it.
            UsageError: It belongs to another training.
            OSError: A damaged one cannot be put aside.
        """
        if not self.path.is_file():
            return None
        try:
            return self._read()
        except DamagedCheckpointError:
            if self._tell is None:
                raise
            self._tell(
                f"The checkpoint {self.path} is damaged. It is kept as "
                f"{name_for_damaged(self.path).name}, and the training starts afresh."
            )
            with suppress(FileNotFoundError):  # another process of this training was faster
                put_aside(self.path)
            return None

    def _remove_drafts(self) -> None:
        """Those of processes that were killed while they wrote: one process at a time saves."""
        for draft in self.path.parent.glob(f".{FILE}.*.part"):
            draft.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        content = self.path.read_bytes()
        body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != digest:
            raise DamagedCheckpointError(self.path, "its checksum does not fit")
        try:
            state = torch.load(BytesIO(body), map_location="cpu", weights_only=True)
            theirs = state.pop(_IDENTITY)
        except Exception as error:  # torch raises many kinds for what it cannot read
            raise DamagedCheckpointError(self.path, type(error).__name__) from error
        names = theirs.keys() | self._identity.keys()
        if changed := sorted(n for n in names if theirs.get(n) != self._identity.get(n)):
            raise UsageError(
                f"training: {self.path} belongs to another training (other {', '.join(changed)}). "
                "Give another directory, or delete the file to start afresh."
            )
        loaded: dict[str, Any] = state
        return loaded
