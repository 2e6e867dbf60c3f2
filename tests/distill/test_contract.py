"""Every registered distiller keeps to the contract."""

from __future__ import annotations

import pytest

from nas_kd.distill import DISTILLERS, Distiller, create_distiller
from tests.contracts.distiller import DistillerContract


class TestRegisteredDistillers(DistillerContract):
    @pytest.fixture(params=DISTILLERS.names())
    def distiller(self, request: pytest.FixtureRequest) -> Distiller:
        return create_distiller(request.param)
