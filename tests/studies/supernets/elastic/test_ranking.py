"""Networks of an elastic supernet within a budget, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas_kd.costs import Budget
from search_spaces import Arch, Sizes, Task
from studies.observer import SilentObserver
from studies.supernets.elastic import Source, ranked, within_budget
from studies.supernets.kept_values import KeptValues
from tests.studies.supernets.elastic.runs import untrained


def test_of_equal_networks_the_smaller_comes_first_and_each_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source(untrained(tmp_path / "run"))
    space, counted = source.supernet.space, list[Arch]()
    count = space.sizes

    def sizes(arch: Arch, task: Task) -> Sizes:
        counted.append(arch)
        return count(arch, task)

    monkeypatch.setattr(space, "sizes", sizes)
    kept = KeptValues(
        tmp_path, tmp_path, "run", lambda archs: dict.fromkeys(archs, 0.5), pytest.fail, chunk=1
    )
    found = ranked(source, within_budget(source, Budget()), kept, SilentObserver())
    macs = [network.macs for network in found]
    assert macs == sorted(macs)
    assert len(set(macs)) > 1
    assert sorted(arch.key for arch in counted) == sorted(arch.key for arch in space.enumerate())
