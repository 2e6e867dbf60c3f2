"""Values found for networks, kept in a file as long as they are of the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas_kd.sealed import unsealed, write_sealed
from search_spaces import Arch


class Kept:
    """JSON values by network; whatever is put in is written at once.

    Args:
        path: The file; its folder must exist. One that is damaged or of others is replaced.
        identity: Whose values they are.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity
        self._values = self._read()

    def __contains__(self, arch: Arch) -> bool:
        return arch.key in self._values

    def __getitem__(self, arch: Arch) -> Any:
        return self._values[arch.key]

    def put(self, values: dict[Arch, Any]) -> None:
        """Keeps these, too."""
        self._values |= {arch.key: value for arch, value in values.items()}
        write_sealed(self._path, {"identity": self._identity, "values": self._values})

    def _read(self) -> dict[str, Any]:
        try:
            kept = unsealed(self._path.read_bytes())
            return dict(kept["values"]) if kept["identity"] == self._identity else {}
        except (OSError, ValueError, KeyError, RecursionError):
            return {}
