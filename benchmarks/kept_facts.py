"""Facts of a benchmark that are found once and kept, so that it continues where it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.record import commit
from nas_kd.whole_files import write_whole


class KeptFacts:
    """Facts by name, each a JSON file in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def once(self, name: str, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The facts of that name, with the commit that found them.

        They are found unless an earlier call did.
        """
        path = self.folder / f"{name}.json"
        if not path.is_file():
            by = commit()
            write_whole(path, json.dumps({**find(), "commit": by}))
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return facts
