"""The registry of proxies."""

from __future__ import annotations

from nas_kd.registry import Registry
from proxies import (
    diswot,
    diswot_class_gram,
    diswot_mr,
    diswot_ms,
    grad_norm,
    jacov,
    macs,
    naswot,
    params,
    snip,
    synflow,
)
from proxies._proxy import Proxy

PROXIES: Registry[Proxy] = Registry("proxies")
"""All proxies by name; third parties add theirs by the entry-point group ``nas_kd.proxies``."""

for _module in (
    diswot,
    diswot_mr,
    diswot_ms,
    diswot_class_gram,
    naswot,
    synflow,
    grad_norm,
    snip,
    jacov,
    params,
    macs,
):
    PROXIES.register(_module.PROXY.name, _module.PROXY)
