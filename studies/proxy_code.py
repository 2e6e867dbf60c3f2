"""Where the code of a proxy is written."""

from __future__ import annotations

from functools import partial

import proxies
from proxies import Proxy


def module_of(proxy: Proxy) -> str:
    """Name of the module in which the proxy's function is written."""
    function = proxy.function
    while isinstance(function, partial):
        function = function.func
    return str(function.__module__)


def is_ours(proxy: Proxy) -> bool:
    """Whether the function is one of this suite and not of another package."""
    return module_of(proxy).partition(".")[0] == proxies.__name__
