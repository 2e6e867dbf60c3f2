"""Scores a student with several proxies at the price of one forward pass for each initialisation."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from proxies._initialise import initialise
from proxies._probe import Probe

_TEACHER = "teacher"


class TeacherProbes:
    """The teacher's side of comparing proxies, computed once a study.

    The teacher is copied and re-initialised as each proxy's paper does; its facts on the probe batch
    are kept, one probe for each initialisation, so that the yardstick never moves.

    Args:
        model: The teacher; left untouched.
        inputs: Probe batch, ``(batch, channel, height, width)``.
        targets: Class indices, ``(batch,)``.
        features: The teacher's feature maps, the last one before pooling.
        head: The teacher's classifier.
        seed: Seeds its re-initialisation.
    """

    _NEEDS = frozenset({"logits", "features", "pooled", "head_gradient"})

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        *,
        features: Sequence[str],
        head: str,
        seed: int,
    ) -> None:
        self._model = model
        self._inputs, self._targets = inputs, targets
        self._features, self._head = features, head
        self._seed = seed
        self._probes: dict[str, Probe] = {}

    def under(self, initialisation: str) -> Probe:
        """The teacher's probe when re-initialised by ``initialisation``."""
        if initialisation not in self._probes:
            model = copy.deepcopy(self._model)
            initialise(model, initialisation, self._seed)
            self._probes[initialisation] = Probe(
                model,
                self._inputs,
                self._targets,
                features=self._features,
                head=self._head,
                needs=self._NEEDS,
            )
        return self._probes[initialisation]


def score_student(
    build: Callable[[], nn.Module],
    inputs: Tensor,
    targets: Tensor,
    *,
    proxies: Sequence[str],
    features: Callable[[nn.Module], Sequence[str]],
    head: Callable[[nn.Module], str],
    seed: int,
    teacher: TeacherProbes | None = None,
    costs: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Builds a student and scores it.

    Args:
        build: Makes the student with PyTorch's default initialisation.
        inputs: Probe batch, ``(batch, channel, height, width)``.
        targets: Class indices, ``(batch,)``.
        proxies: Names in `proxies.PROXIES`.
        features: Names of the student's feature maps.
        head: Name of the student's classifier.
        seed: Seeds the student's initial weights; the global generator is left as it was.
        teacher: For proxies that compare.
        costs: Counted ``macs`` and ``params``, for proxies that read them.

    Returns:
        Name to score, larger is better; NaN and infinite scores come back as -inf, ranked last.

    Raises:
        UsageError: A proxy is unknown, or needs what is not given.
    """
    from proxies import PROXIES

    chosen = [PROXIES.get(name) for name in proxies]
    if teacher is None and any(_TEACHER in proxy.needs for proxy in chosen):
        raise UsageError("proxies: " + ", ".join(proxies) + " compare with a teacher; give one.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
    raw: dict[str, float] = {}
    for initialisation in ("none", "default", "gaussian"):
        group = [proxy for proxy in chosen if proxy.initialisation == initialisation]
        if not group:
            continue
        if initialisation == "gaussian":
            initialise(model, initialisation, seed)
        needs = frozenset().union(*(proxy.needs for proxy in group)) - {_TEACHER}
        probe = Probe(
            model,
            inputs,
            targets,
            features=features(model),
            head=head(model),
            needs=needs,
            costs=costs,
        )
        yardstick = teacher.under(initialisation) if teacher and initialisation != "none" else None
        raw |= {proxy.name: proxy(probe, yardstick) for proxy in group}
    return {name: raw[name] if math.isfinite(raw[name]) else -math.inf for name in proxies}
