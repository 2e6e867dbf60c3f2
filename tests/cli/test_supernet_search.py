"""What ``nas-kd search --supernet`` asks for, and whom it lets into its directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas_kd.errors import ExitCode
from nas_kd.export import write_manifest
from nas_kd.training.pretraining import PretrainingFolder
from studies.supernets import superlm_search
from studies.supernets.superlm_search import SuperLMSearch
from tests.cli.conftest import Command

FOUND = {"description": "small", "params": 1, "macs": 1, "latency_ms": None, "budget_met": True}
TEXT = ("search", "--supernet", "run")


@pytest.fixture
def asked(nas_kd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[SuperLMSearch]:
    """What searches of the SuperLM in ``run`` were asked for; each finds the same student."""
    PretrainingFolder(tmp_path / "run").claim({"space": "autodistil-tiny", "space_options": {}})
    found: list[SuperLMSearch] = []

    def search(run: Path, search: SuperLMSearch, folder: Path, observer: Any) -> dict[str, Any]:
        found.append(search)
        return {"students": [FOUND], "judged": 1, "feasible": 1, "size": 48}

    monkeypatch.setattr(superlm_search, "search_superlm", search)
    return found


def test_flags_of_the_short_list(nas_kd: Command, asked: list[SuperLMSearch]) -> None:
    outcome = nas_kd(*TEXT, "--run-dir", "one")
    assert outcome.code == 0, outcome.err
    words = ("--stock", "--top", 2, "--epochs", 4, "--tokens", 20)
    outcome = nas_kd(*TEXT, *words, "--run-dir", "other")
    assert outcome.code == 0, outcome.err
    known = [(one.stock, one.top, one.epochs, one.length) for one in asked]
    assert known == [(False, 3, 1, None), (True, 2, 4, 20)]


def test_one_of_several_students_over_the_budget_is_exit_code_3(
    nas_kd: Command, asked: list[SuperLMSearch], monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(*given: object) -> dict[str, Any]:
        students = [FOUND, {**FOUND, "budget_met": False}]
        return {"students": students, "judged": 2, "feasible": 2, "size": 48}

    monkeypatch.setattr(superlm_search, "search_superlm", search)
    outcome = nas_kd(*TEXT, "--budget", "latency=1ms")
    assert outcome.code == ExitCode.NO_FEASIBLE_STUDENT
    assert "does not meet the budget" in outcome.err


def test_the_traceback_of_what_nobody_foresaw_is_kept(
    nas_kd: Command, asked: list[SuperLMSearch], monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(*given: object) -> dict[str, Any]:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(superlm_search, "search_superlm", search)
    outcome = nas_kd(*TEXT, "--run-dir", "one")
    assert outcome.code == ExitCode.FAILURE
    assert "The traceback is in one/nas-kd.log" in outcome.err
    assert "RuntimeError: nobody foresaw this" in Path("one/nas-kd.log").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*TEXT, "--minutes", 2), "--minutes: a search of a supernet does not take this"),
        ((*TEXT, "--top", 1, "--epochs", 2), "--epochs: with --top 1 nothing is distilled"),
        ((*TEXT, "--arch", "{}"), "--arch: this belongs to a supernet of images"),
        (("search", "--stock", "--top", 2), "--stock, --top: this belongs to a supernet"),
    ],
)
def test_flags_that_do_not_fit(
    words: tuple[object, ...], message: str, nas_kd: Command, asked: list[SuperLMSearch]
) -> None:
    outcome = nas_kd(*words)
    assert outcome.code == ExitCode.USAGE
    assert message in outcome.err
    assert not asked


def test_a_result_is_kept_from_other_searches(
    nas_kd: Command, asked: list[SuperLMSearch], tmp_path: Path
) -> None:
    words = (*TEXT, "--budget", "macs=50%")
    assert nas_kd(*words).code == 0
    result = tmp_path / "run-search" / "result.json"
    before = result.read_bytes()
    for others, changed in (
        ((*TEXT, "--budget", "macs=60%"), "budget"),
        ((*words, "--seed", 1), "seed"),
        ((*words, "--threads", 2), "device"),
        ((*words, "--top", 2), "top"),
    ):
        refused = nas_kd(*others)
        assert refused.code == ExitCode.USAGE
        assert f"holds another search ({changed} changed)" in refused.err
    PretrainingFolder(tmp_path / "run").write_facts({"seconds": 2.0})
    assert "holds another search (weights changed)" in nas_kd(*words).err
    assert result.read_bytes() == before
    assert len(asked) == 1


def test_a_changed_student_is_put_aside_before_the_end_is_done_again(
    nas_kd: Command, asked: list[SuperLMSearch], tmp_path: Path
) -> None:
    assert nas_kd(*TEXT).code == 0
    student = tmp_path / "run-search" / "students" / "1"
    student.mkdir(parents=True)
    file = student / "weights"
    file.write_bytes(b"delivered")
    write_manifest(student, costs={}, latency=None, parity={}, accuracy={}, seeds={})
    assert "is finished" in nas_kd(*TEXT).err
    file.write_bytes(b"simplified")
    again = nas_kd(*TEXT)
    assert again.code == 0, again.err
    assert len(asked) == 2
    assert not student.exists()
    assert student.with_name("1.damaged").joinpath(file.name).read_bytes() == b"simplified"


@pytest.mark.parametrize("typed", [".", "../run", "absolute"])
def test_a_search_is_found_again_however_the_path_of_its_supernet_is_typed(
    typed: str,
    nas_kd: Command,
    asked: list[SuperLMSearch],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert nas_kd(*TEXT).code == 0
    monkeypatch.chdir(tmp_path / "run")
    again = nas_kd("search", "--supernet", tmp_path / "run" if typed == "absolute" else typed)
    assert again.code == 0, again.err
    assert f"Working in {tmp_path / 'run-search'}." in again.err


def test_a_default_that_is_given_asks_for_the_same(
    nas_kd: Command, asked: list[SuperLMSearch]
) -> None:
    assert nas_kd(*TEXT).code == 0
    again = nas_kd(*TEXT, "--top", 3, "--epochs", 1)
    assert again.code == 0, again.err
