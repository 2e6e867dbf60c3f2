from __future__ import annotations

from typing import cast

import pytest

from search_spaces import SPACES, SearchSpace, create_space
from tests.contracts.search_space import SearchSpaceContract
from tests.search_spaces import elastic

SMALL = {
    "nasbench201": {"channels": 6, "cells_per_stage": 1},
    "cifar-resnet": {"width": 6},
    "nasbench-macro": {"width": 4, "last_width": 24},
    "autoformer-tiny": {"patch_size": 4},
    "pit": {"patch_size": 4},
    **elastic.SMALL,
}


@pytest.fixture(params=SPACES.names())
def space(request: pytest.FixtureRequest) -> SearchSpace:
    name = cast(str, request.param)
    return create_space(name, **SMALL.get(name, {}))


class TestRegisteredSpaces(SearchSpaceContract):
    pass
