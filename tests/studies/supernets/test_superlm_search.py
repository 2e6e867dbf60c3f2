"""From a finished SuperLM to a ranking and students that open again."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.errors import NoFeasibleStudentError, NotFiniteError, UsageError
from nas_kd.export import read_manifest
from nas_kd.export.text_student import load_text_student
from nas_kd.training.pretraining import PretrainingFolder
from nas_kd.training.superlm import RankedStudent
from search_spaces import Arch
from search_spaces.supernets import SuperLM
from studies.observer import SilentObserver
from studies.supernets import latency_limit
from studies.supernets.superlm import Choice, Source, delivery, shortly_distilled
from studies.supernets.superlm_search import SuperLMSearch, search_superlm
from tests.studies.measurements import LATENCY, files_take
from tests.studies.supernets.superlm.runs import trained_superlm
from tests.training.language_models import narrow_heads, save_text


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


class _Listener(SilentObserver):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Arch], bool]], None]:
    """Students that are chosen to have weights with which nothing can be learned."""
    extract = SuperLM.extract

    def spoilt(chosen: Callable[[Arch], bool]) -> None:
        def cut(superlm: SuperLM, arch: Arch) -> Any:
            student = extract(superlm, arch)
            if chosen(arch):
                with torch.no_grad():
                    student.get_input_embeddings().weight.fill_(torch.nan)
            return student

        monkeypatch.setattr(SuperLM, "extract", cut)

    return spoilt


def test_a_short_distillation_begins_where_the_training_left_off(run: Path, tmp_path: Path) -> None:
    """Also with the map of the hidden states."""
    source = Source(run, None)
    source.settings = replace(source.settings, learning_rate=1e-12)
    assert source.fit is not None
    archs = source.superlm.space.anchors()[:2]
    students = [RankedStudent(arch, loss, 0, 0) for arch, loss in source.judge(archs).items()]
    for student in shortly_distilled(source, students, tmp_path, _Listener(), epochs=1, seed=0):
        assert student.loss == pytest.approx(student.ranked.loss, rel=1e-5)


def test_a_student_that_diverges_leaves_the_short_list(
    run: Path, tmp_path: Path, spoil: Callable[[Callable[[Arch], bool]], None]
) -> None:
    search, observer = SuperLMSearch(Budget.parse("params=6000"), top=2), _Listener()
    (first,) = search_superlm(run, replace(search, top=1), tmp_path / "one", observer)["students"]
    spoil(lambda arch: dict(arch) == first["arch"])
    students = search_superlm(run, search, tmp_path / "two", observer)["students"]
    second, third = _ranked_archs(tmp_path / "two")[1:3]
    assert [student["arch"] for student in students] in ([second, third], [third, second])
    assert [note for note in observer.notes if first["description"] in note] == observer.notes
    assert "no longer finite" in observer.notes[0]
    spoil(lambda arch: True)
    with pytest.raises(NotFiniteError, match="--top 1"):
        search_superlm(run, search, tmp_path / "none", observer)
    assert "A student failed and makes way for the next." in observer.notes[-1]
    assert not [note for note in observer.notes if "--top 1" in note]


def test_text_that_may_have_been_learned_from_is_told(tmp_path: Path) -> None:
    supernet, told = trained_superlm(tmp_path), list[int]()
    for count in (60, 61):
        data, observer = save_text(tmp_path / "text.txt", count), _Listener()
        search_superlm(supernet, SuperLMSearch(Budget(), top=1), tmp_path / "out", observer)
        told.append(len([note for note in observer.notes if data in note]))
    assert told == [0, 1]


def test_another_budget_judges_only_what_no_search_has_judged(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supernet, judged = tmp_path / "supernet", list[Arch]()
    shutil.copytree(run, supernet, ignore=shutil.ignore_patterns("judged"))
    judge = Source.judge

    def counted(source: Source, archs: Sequence[Arch]) -> dict[Arch, float]:
        judged.extend(archs)
        return judge(source, archs)

    monkeypatch.setattr(Source, "judge", counted)
    few = SuperLMSearch(Budget.parse("params=6000"), top=1)
    first = search_superlm(supernet, few, tmp_path / "few", SilentObserver())
    assert len(judged) == first["judged"]
    second = search_superlm(supernet, replace(few, budget=Budget()), tmp_path, SilentObserver())
    assert len(judged) == len(set(judged)) == second["judged"] > first["judged"]


def test_students_of_other_sizes_are_judged_and_distilled_anew(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where their genes are the same."""
    supernet, folder, judged = tmp_path / "supernet", tmp_path / "search", list[Arch]()
    shutil.copytree(run, supernet, ignore=shutil.ignore_patterns("judged"))

    def counted(source: Source, archs: Sequence[Arch]) -> dict[Arch, float]:
        judged.extend(archs)
        return {arch: float(arch["hidden"]) for arch in archs}

    monkeypatch.setattr(Source, "judge", counted)
    search = SuperLMSearch(Budget(), Choice(trials=2), top=2)
    before = search_superlm(supernet, search, folder, SilentObserver())["students"]
    times = len(judged)
    narrow_heads(monkeypatch)
    after = search_superlm(supernet, search, folder, SilentObserver())["students"]
    assert len(judged) == 2 * times
    assert sum(one["params"] for one in after) < sum(one["params"] for one in before)
    assert len(list(folder.rglob("training.pt"))) == 2


def test_another_short_list_in_the_same_folder_is_distilled_anew(run: Path, tmp_path: Path) -> None:
    """The second call may find other students fast enough, or another supernet in its place."""
    supernet, folder = tmp_path / "supernet", tmp_path / "search"
    shutil.copytree(run, supernet)
    source = Source(supernet, None)
    space = source.superlm.space
    smallest = space.sizes(space.anchors()[1], source.task).params
    search = SuperLMSearch(Budget.parse(f"params={smallest}"), top=2)
    first = search_superlm(supernet, search, folder, SilentObserver())
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("training.pt")}
    assert search_superlm(supernet, search, folder, SilentObserver()) == first
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("training.pt")} == kept
    trained = PretrainingFolder(supernet)
    trained.write_facts({**(trained.facts() or {}), "seconds": 1e9})
    assert search_superlm(supernet, search, folder, SilentObserver()) == first
    assert len(kept) == 1 < len(list(folder.rglob("training.pt")))


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[float]], None]:
    """Untrained files take 1 ms, and the delivered ones, one after the other, what is given."""

    def take(milliseconds: list[float]) -> None:
        timed = files_take(milliseconds, "delivered.onnx")
        monkeypatch.setattr(latency_limit, "time_beside", timed)
        monkeypatch.setattr(delivery, "time_texts", lambda *given: {"fp32": {32: LATENCY}})

    return take


LATE = SuperLMSearch(
    Budget.parse("latency=2ms"), Choice(trials=6), top=2, length=12, profile=DeviceProfile()
)


def test_delivered_files_that_miss_make_way_for_students_distilled_likewise(
    run: Path, tmp_path: Path, delivered: Callable[[list[float]], None]
) -> None:
    delivered([1.0, 5.0, 1.0])
    students = search_superlm(run, LATE, tmp_path / "two", SilentObserver())["students"]
    assert all(student["budget_met"] for student in students)
    ranking = _ranked_archs(tmp_path / "two")
    places = sorted(ranking.index(student["arch"]) for student in students)
    assert places[0] in (0, 1)
    assert places[1] == 2
    assert all(student["loss"] < student["shared_loss"] for student in students)
    losses = [student["loss"] for student in students]
    assert losses == sorted(losses)

    delivered([1.0, 1.0, 1.0])
    search = replace(LATE, top=3)
    side_by_side = search_superlm(run, search, tmp_path / "three", SilentObserver())["students"]
    known = {str(student["arch"]): student["loss"] for student in side_by_side}
    side_by_side_losses = [known[str(student["arch"])] for student in students]
    assert losses == pytest.approx(side_by_side_losses, rel=0.002)  # but for dropout


def test_where_all_delivered_files_miss_the_fastest_is_delivered(
    run: Path, tmp_path: Path, delivered: Callable[[list[float]], None]
) -> None:
    delivered([5.0, 4.0, 6.0])
    search = replace(LATE, top=1)
    (student,) = search_superlm(run, search, tmp_path, SilentObserver())["students"]
    assert (student["budget_met"], student["latency_ms"]["median"]) == (False, 4.0)
    assert student["arch"] == _ranked_archs(tmp_path)[1]
    found = load_text_student(student["directory"])
    assert found.provenance["arch"] == student["arch"]
    assert [path.name for path in (tmp_path / "students").iterdir()] == ["1"]


def _ranked_archs(folder: Path) -> list[dict[str, Any]]:
    with (folder / "ranking.csv").open() as file:
        return [json.loads(row["arch"]) for row in csv.DictReader(file)]


def test_a_budget_that_nobody_meets_is_told(run: Path, tmp_path: Path) -> None:
    search = SuperLMSearch(Budget.parse("macs=1k"))
    with pytest.raises(NoFeasibleStudentError, match="macs=1k"):
        search_superlm(run, search, tmp_path, SilentObserver())


def test_a_folder_without_a_supernet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"supernet\.json is missing"):
        search_superlm(tmp_path, SuperLMSearch(Budget()), tmp_path / "out", SilentObserver())
