"""The proxy contract, for every registered proxy."""

from __future__ import annotations

import pytest

from proxies import PROXIES
from tests.contracts.proxy import ProxyContract


@pytest.mark.parametrize("name", PROXIES.names(), scope="class")
class TestEveryProxy(ProxyContract):
    @pytest.fixture(autouse=True)
    def _named(self, name: str) -> None:
        self.name = name
