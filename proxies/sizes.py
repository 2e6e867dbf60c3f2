"""Plain sizes as proxies: what every other one has to beat."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy

PARAMS = Proxy(
    name="params",
    score=lambda student, teacher: student.costs["params"],
    needs=frozenset({"costs"}),
    initialisation="none",
    cost="free",
    batch="none",
    source="number of parameters",
)
MACS = Proxy(
    name="macs",
    score=lambda student, teacher: student.costs["macs"],
    needs=frozenset({"costs"}),
    initialisation="none",
    cost="free",
    batch="none",
    source="multiply-accumulates for one input",
)
