"""`score_student`: several proxies at the price of one pass per initialisation and input."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from nas_kd.errors import UsageError
from proxies._batch import noise_like
from proxies._initialise import initialise
from proxies._probe import Probe
from proxies._proxy import INPUTS, Proxy
from proxies._randomness import seeded
from proxies._registered import PROXIES
from proxies._teacher import TeacherProbes

_AS_BUILT = "default"
_DRAWN = ("kaiming", "gaussian")


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
    """Builds a student once and scores it; the same seed gives the same scores.

    Proxies that assume the same initial weights and look at the same input, images or noise, share
    one forward pass, without a graph unless one of them needs gradients. Gradients of the summed
    logits and of the loss take a backward pass each. What takes other passes says so in its
    ``cost``. The student is not built at all when only ``costs`` are read.

    Args:
        build: Makes the student with PyTorch's default initialisation, drawing from the global
            generator, which is seeded for it and put back.
        inputs: Images, ``(batch, channel, height, width)``, at least two.
        targets: Class indices, ``(batch,)``.
        proxies: Names in `PROXIES`.
        features: From the student to the names of its feature maps, the last before pooling.
        head: From the student to the name of its classifier.
        seed: Seeds the initial weights and the noise.
        teacher: The teacher on the same batch, for proxies that compare.
        costs: Counted ``macs`` and ``params`` of the student, and what else proxies read by
            ``costs`` (`Proxy.needs`).

    Returns:
        Proxy name to score in the order of ``proxies``, larger is better. NaN and infinite scores,
        those of students without signal, are -inf: ranked last.

    Raises:
        UsageError: A proxy is unknown, or something it needs is missing or does not fit.
    """
    chosen = [PROXIES.get(name) for name in proxies]
    _require_teacher(chosen, teacher)
    if teacher is not None:
        _announce(chosen, teacher)
    free = [proxy for proxy in chosen if not proxy.needs_network]
    groups = _group([proxy for proxy in chosen if proxy.needs_network])
    scores: dict[str, float] = {}
    if free:
        scores |= _score(free, _costs_only(inputs, targets, costs), None)
    if groups:
        with seeded(seed):
            model = build()
    drawn = _AS_BUILT
    for (initialisation, shown), members in groups.items():
        if initialisation != drawn:
            initialise(model, initialisation, seed)
            drawn = initialisation
        probe = Probe(
            model,
            noise_like(inputs, seed) if shown == "noise" else inputs,
            targets,
            features=features(model),
            head=head(model),
            costs=costs,
            needs=frozenset().union(*(proxy.needs for proxy in members)),
            seed=seed,
        )
        scores |= _score(members, probe, teacher)
    return {name: scores[name] if math.isfinite(scores[name]) else -math.inf for name in proxies}


def _group(proxies: list[Proxy]) -> dict[tuple[str, str], list[Proxy]]:
    """Proxies by the initial weights and the input they share; the weights as built come first.

    A freshly built student has the default weights already, so that ``none`` joins ``default``.
    """
    groups: dict[tuple[str, str], list[Proxy]] = {
        (scheme, shown): [] for scheme in (_AS_BUILT, *_DRAWN) for shown in INPUTS
    }
    for proxy in proxies:
        scheme = proxy.initialisation if proxy.initialisation in _DRAWN else _AS_BUILT
        groups[scheme, proxy.input].append(proxy)
    return {shared: members for shared, members in groups.items() if members}


def _score(proxies: list[Proxy], student: Probe, teacher: TeacherProbes | None) -> dict[str, float]:
    scores = {}
    for proxy in proxies:
        yardstick = None
        if teacher is not None and "teacher" in proxy.needs:
            yardstick = teacher.probe(proxy.initialisation)
        scores[proxy.name] = proxy(student, yardstick)
    return scores


def _announce(proxies: list[Proxy], teacher: TeacherProbes) -> None:
    """Lets one pass of the teacher under each initialisation serve all that compare with it."""
    needs: dict[str, frozenset[str]] = {}
    for proxy in proxies:
        if "teacher" in proxy.needs:
            known = needs.get(proxy.initialisation, frozenset())
            needs[proxy.initialisation] = known | proxy.needs
    for initialisation, facts in needs.items():
        teacher.probe(initialisation).announce(facts)


def _costs_only(inputs: Tensor, targets: Tensor, costs: Mapping[str, float] | None) -> Probe:
    return Probe(nn.Identity(), inputs, targets, features=(), head="", costs=costs)


def _require_teacher(proxies: list[Proxy], teacher: TeacherProbes | None) -> None:
    comparing = [proxy.name for proxy in proxies if "teacher" in proxy.needs]
    if comparing and teacher is None:
        raise UsageError(
            f"proxies {', '.join(comparing)} compare the student with a teacher, and none was "
            "given; give one, or choose proxies that need none."
        )
