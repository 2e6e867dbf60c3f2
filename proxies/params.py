"""The number of parameters: the plain score that every other one has to beat."""

from __future__ import annotations

from proxies._costs import counted_cost
from proxies._probe import Probe
from proxies._proxy import Proxy


def params_score(student: Probe, teacher: Probe | None) -> float:
    """The counted ``params`` of the student."""
    return counted_cost(student, "params")


PROXY = Proxy(
    name="params",
    function=params_score,
    needs=frozenset({"costs"}),
    initialisation="none",
    source="number of parameters",
    cost="free",
    batch="nothing",
)
