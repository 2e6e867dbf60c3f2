"""The number of multiply-accumulates: larger students come first."""

from __future__ import annotations

from proxies._costs import counted_cost
from proxies._probe import Probe
from proxies._proxy import Proxy


def macs_score(student: Probe, teacher: Probe | None) -> float:
    """The counted ``macs`` of the student."""
    return counted_cost(student, "macs")


PROXY = Proxy(
    name="macs",
    function=macs_score,
    needs=frozenset({"costs"}),
    initialisation="none",
    source="multiply-accumulates for one image",
    cost="free",
    batch="nothing",
)
