"""A finished run is damaged, and its command is given again; a small part of the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import damaging
from benchmarks.counting_proxy import PROXY
from benchmarks.damage import finished_case
from benchmarks.damaging import Case
from proxies import PROXIES


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    finished = finished_case(tmp_path_factory.mktemp("damage"), trials=48)
    PROXIES.names()  # those of installed packages are registered first
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROXIES._components, PROXY.name, PROXY)
        yield finished


def test_a_journal_cut_anywhere_is_completed(case: Case) -> None:
    size = case.whole.journal.stat().st_size
    for offset in np.random.default_rng(0).integers(size, size=4):
        assert damaging.cut_journal(case, int(offset))["wrong"] == ""


@pytest.mark.parametrize(
    "name", ["journal.log", "work/finalists.json", "work/training/student-*/training.pt"]
)
def test_a_flipped_bit_is_noticed_and_the_result_is_right(
    case: Case, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damaging, "STATES", (name,))
    row = damaging.flip_bit(case, np.random.default_rng(1))
    assert row["wrong"] == ""
    assert "damaged" in row["said"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda case, folder: damaging.fill_disk(case, folder, 0.3), "free some space"),
        (damaging.read_only, "cannot be written"),
    ],
)
def test_a_disk_that_takes_nothing_is_one_message(
    case: Case, tmp_path: Path, damage: Callable[[Case, Path], dict[str, str]], words: str
) -> None:
    if not damaging.can_mount(tmp_path / "mounted"):
        pytest.skip("mounting a small file system takes root")
    row = damage(case, tmp_path / "mounted")
    assert row["wrong"] == ""
    assert words in row["said"]
