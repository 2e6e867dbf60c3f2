"""The benchmarks of proxies on a few small images, in this process, with a cache of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import (
    nb201_cells,
    own_proxy,
    proxy_reproduction,
    proxy_scores,
    proxy_speed,
    search_quality,
)
from benchmarks.cifar10 import data_file
from benchmarks.proxy_scores import Setting
from nas_kd.errors import UsageError


def small(setting: Setting) -> Setting:
    """The same on eight images of 8 x 8."""
    return replace(setting, images=8, image_size=8)


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips where the real data is missing."""
    try:
        data_file("nb201.csv.gz")
    except UsageError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("NAS_KD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(proxy_scores, "processes", lambda: 1)

    def scoring(seed: int, image_size: int = 8) -> Setting:
        # two of the images share a class
        return replace(nb201_cells.scoring(seed), images=11, image_size=8)

    for module in (own_proxy, proxy_reproduction, proxy_speed, search_quality):
        monkeypatch.setattr(module, "scoring", scoring)
