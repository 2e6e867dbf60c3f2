"""`TeacherProbes`: the teacher's side of the proxies that compare, computed once a study."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import Any

from torch import Tensor, nn

from proxies._initialise import initialise
from proxies._probe import Probe


class TeacherProbes:
    """One probe of the teacher for each initialisation, all on the batch of the students.

    Each works on a copy of the teacher, re-initialised once from ``seed``: the yardstick is the
    same for every student, and the teacher itself is left untouched.

    Args:
        model: The teacher, trained or not.
        inputs: Images, ``(batch, channel, height, width)``: the batch that students are scored on.
        targets: Class indices, ``(batch,)``.
        features: Names of its feature maps, shallow to deep; the last one before pooling.
        head: Name of its classifier.
        seed: Seeds its initial weights.
        widths: How wide the inputs of the students' classifiers can be, where that is known: then
            `semantic_similarity` has one form for all of them.
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        *,
        features: Sequence[str],
        head: str,
        seed: int,
        widths: Collection[int] = (),
    ) -> None:
        self._model = model
        self._inputs = inputs
        self._targets = targets
        self._features = list(features)
        self._head = head
        self._seed = seed
        self._widths = frozenset(widths)
        self._probes: dict[str, Probe] = {}

    def __getstate__(self) -> dict[str, Any]:
        """For other processes, which make their own probes."""
        return {**self.__dict__, "_probes": {}}

    def probe(self, initialisation: str) -> Probe:
        """The teacher under ``initialisation``; ``none`` is the teacher as it was given."""
        if initialisation not in self._probes:
            model = copy.deepcopy(self._model).float()
            initialise(model, initialisation, self._seed)
            self._probes[initialisation] = Probe(
                model,
                self._inputs,
                self._targets,
                features=self._features,
                head=self._head,
                seed=self._seed,
                student_widths=self._widths,
            )
        return self._probes[initialisation]
