"""No workers beside it: this process evaluates itself."""

from __future__ import annotations

from typing import Generic

from nas_kd.machine_lock import machine_shared
from search_spaces import Arch
from studies.workers.answer import Answer, Evaluates, Found
from studies.workers.threads import one_thread


class OwnProcess(Generic[Found]):
    """Evaluates one arch at a time, while somebody waits for the answer."""

    def __init__(self, evaluator: Evaluates[Found]) -> None:
        self._evaluator = evaluator
        self._arch: Arch | None = None

    @property
    def free(self) -> int:
        return 0 if self._arch else 1

    def submit(self, arch: Arch) -> None:
        self._arch = arch

    def answers(self, timeout_s: float) -> list[Answer[Found]]:
        """The answer to the arch that was submitted, however long it takes."""
        arch, self._arch = self._arch, None
        if arch is None:
            return []
        with machine_shared(), one_thread():
            return [Answer(arch, self._evaluator.evaluate(arch))]

    def close(self) -> None:
        """There is nothing to end."""
