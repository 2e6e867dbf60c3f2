"""Networks of an elastic supernet are judged once, whatever is looked for."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.data import load_data
from nas_kd.training.elastic import judging
from search_spaces import Arch
from studies.observer import SilentObserver
from studies.supernets.elastic import Source
from studies.supernets.elastic_search import ElasticSearch, search_elastic
from tests.studies.supernets.elastic.runs import untrained

PROFILE = DeviceProfile("cpu", threads=1)


def test_what_any_search_judged_is_not_judged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, judged = untrained(tmp_path / "run"), list[Arch]()
    judge = judging.accuracy

    def counted(supernet: Any, arch: Arch, *given: Any) -> float:
        judged.append(arch)
        return judge(supernet, arch, *given)

    monkeypatch.setattr(judging, "accuracy", counted)
    small = ElasticSearch(Budget.parse("macs=99%"), PROFILE)
    few = search_elastic(run, small, tmp_path / "small", SilentObserver())
    assert len(judged) == few["judged"]
    loose = replace(small, budget=Budget())
    all_of_them = search_elastic(run, loose, tmp_path / "all", SilentObserver())
    assert len(judged) == len(set(judged)) == all_of_them["judged"] > few["judged"]
    known = {row["arch"]: row["accuracy"] for row in _rows(tmp_path / "all")}
    assert all(known[row["arch"]] == row["accuracy"] for row in _rows(tmp_path / "small"))


def test_what_was_judged_on_other_images_is_judged_again(tmp_path: Path) -> None:
    digits = load_data("digits").train
    images, labels = (part.numpy() for part in digits.batch(range(200)))
    file = tmp_path / "images.npz"
    np.savez(file, images=(images > 0).astype(np.uint8), labels=labels)
    run = untrained(tmp_path / "run", data=f"npz:{file}")
    before = Source(run).judging_identity()
    assert Source(run).judging_identity() == before
    np.savez(file, images=(images > 0).astype(np.uint8), labels=(labels + 1) % 10)
    assert Source(run).judging_identity() != before


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "ranking.csv").open() as file:
        return list(csv.DictReader(file))
