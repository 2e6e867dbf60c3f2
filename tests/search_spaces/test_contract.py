from __future__ import annotations

import pytest

from search_spaces import SPACES, SearchSpace, Task, create_space
from tests.contracts.search_space import ImageSpaceContract
from tests.contracts.text_space import TextSpaceContract
from tests.search_spaces import elastic

BERT = {"layers": 4, "hidden": 96, "heads": 12}
SMALL = {
    "nasbench201": {"channels": 6, "cells_per_stage": 1},
    "cifar-resnet": {"width": 6},
    "nasbench-macro": {"width": 4, "last_width": 24},
    "autoformer-tiny": {"patch_size": 4},
    "pit": {"patch_size": 4},
    "darts": {"channels": 3, "cells": 3},
    "autodistil-base": BERT,
    "autodistil-small": BERT,
    "autodistil-tiny": BERT,
    "autodistil": BERT,
    "autodistil-decoder": {**BERT, "key_value_heads": 4},
    **elastic.SMALL,
}
STRIDED = {"nasbench201": 2, "cifar-resnet": 4, "nasbench-macro": 4, "darts": 8}
"""Spaces with a stem that shrinks images, and by how much."""

OF_IMAGES = [name for name in SPACES.names() if create_space(name).task_type is Task]


OF_TEXT = [name for name in SPACES.names() if name not in OF_IMAGES]


def small(name: str) -> SearchSpace:
    return create_space(name, **SMALL.get(name, {}))


class TestImageSpaces(ImageSpaceContract):
    @pytest.fixture(params=OF_IMAGES)
    def space(self, request: pytest.FixtureRequest) -> SearchSpace:
        return small(request.param)


class TestSpacesForLargeImages(ImageSpaceContract):
    @pytest.fixture(params=STRIDED)
    def space(self, request: pytest.FixtureRequest) -> SearchSpace:
        name = request.param
        return create_space(name, **SMALL[name], stem_stride=STRIDED[name])


class TestTextSpaces(TextSpaceContract):
    @pytest.fixture(params=OF_TEXT)
    def space(self, request: pytest.FixtureRequest) -> SearchSpace:
        return small(request.param)
