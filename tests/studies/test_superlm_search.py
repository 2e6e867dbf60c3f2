"""From a finished SuperLM to a ranking and students that open again."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
import torch

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.errors import NoFeasibleStudentError, UsageError
from nas_kd.export import read_manifest
from nas_kd.export.text_student import load_text_student
from nas_kd.training.pretraining import PretrainingFolder
from studies.observer import SilentObserver
from studies.superlm import Choice, Source
from studies.superlm_search import SuperLMSearch, search_superlm
from tests.studies.superlm.runs import trained_superlm


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training with a loss that has a map of hidden states."""
    folder = tmp_path_factory.mktemp("superlm")
    return trained_superlm(folder, "distillers=autodistil_kl,last_hidden")


def test_students_under_a_budget_are_ranked_distilled_and_saved(run: Path, tmp_path: Path) -> None:
    most = 6_000
    search = SuperLMSearch(Budget.parse(f"params={most}"), top=2)
    document = search_superlm(run, search, tmp_path, SilentObserver())
    with (tmp_path / "ranking.csv").open() as file:
        ranking = list(csv.DictReader(file))
    assert 0 < len(ranking) == document["feasible"] < document["size"] == 48
    losses = [float(row["loss"]) for row in ranking]
    assert losses == sorted(losses)
    assert all(int(row["params"]) <= most for row in ranking)
    assert [student["loss"] for student in document["students"]] == sorted(
        student["loss"] for student in document["students"]
    )
    assert document["judged"] == document["feasible"]
    for rank, student in enumerate(document["students"], start=1):
        assert Path(student["onnx"]).is_file()
        assert student["budget_met"]
        found = load_text_student(tmp_path / "students" / str(rank))
        assert sum(p.numel() for p in found.model.parameters()) == student["params"] <= most
        tokens = found.tokenizer(["w1 w2", "w3"], padding=True, return_tensors="pt")
        with torch.no_grad():
            assert found.model(**tokens).last_hidden_state.shape[:2] == (2, 4)


def test_proxies_and_a_latency_limit_choose_too(run: Path, tmp_path: Path) -> None:
    search = SuperLMSearch(
        Budget.parse("latency=1000%"),
        Choice(trials=6, proxies=("decoder_params",)),
        top=1,
        length=20,
        profile=DeviceProfile(),
    )
    document = search_superlm(run, search, tmp_path, SilentObserver())
    (student,) = document["students"]
    assert document["judged"] == 6 < document["feasible"] == document["size"]
    assert student["budget_met"]
    assert student["latency_ms"]["median"] > 0
    manifest = read_manifest(Path(student["directory"])) or {}
    assert manifest["latency"]["fp32"].keys() == {"32"}


def test_a_limit_at_a_precision_or_without_a_device_is_refused() -> None:
    with pytest.raises(UsageError, match="no device to measure it"):
        SuperLMSearch(Budget.parse("latency=5ms"))
    with pytest.raises(UsageError, match="limited at int8"):
        SuperLMSearch(Budget.parse("latency=5ms"), profile=DeviceProfile(precision="int8"))


def test_without_a_short_list_the_best_keeps_the_shared_weights(run: Path, tmp_path: Path) -> None:
    search = SuperLMSearch(Budget(), top=1)
    (student,) = search_superlm(run, search, tmp_path, SilentObserver())["students"]
    assert student["loss"] == student["shared_loss"]


def test_a_short_list_is_of_the_supernet_that_it_was_begun_with(run: Path, tmp_path: Path) -> None:
    supernet, folder = tmp_path / "supernet", tmp_path / "search"
    shutil.copytree(run, supernet)
    source = Source(supernet, None)
    space = source.superlm.space
    smallest = space.sizes(space.anchors()[1], source.task).params
    search = SuperLMSearch(Budget.parse(f"params={smallest}"), top=2)
    search_superlm(supernet, search, folder, SilentObserver())
    trained = PretrainingFolder(supernet)
    trained.write_facts({**(trained.facts() or {}), "seconds": 1e9})
    with pytest.raises(UsageError, match=r"another training \(other supernet\)"):
        search_superlm(supernet, search, folder, SilentObserver())


def test_a_budget_that_nobody_meets_is_told(run: Path, tmp_path: Path) -> None:
    search = SuperLMSearch(Budget.parse("macs=10"))
    with pytest.raises(NoFeasibleStudentError, match="macs=10"):
        search_superlm(run, search, tmp_path, SilentObserver())


def test_a_folder_without_a_supernet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"supernet\.json is missing"):
        search_superlm(tmp_path, SuperLMSearch(Budget()), tmp_path / "out", SilentObserver())
