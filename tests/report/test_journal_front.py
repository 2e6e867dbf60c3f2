"""The front of a search that is still running."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nas_kd.report.journal_front import JournalFront
from nas_kd.report.run_document import read_document
from search_spaces import Arch, CifarResNet
from studies.candidates import Candidate
from studies.recipe import parse_recipe
from studies.run_directory import RunDirectory
from tests.report.journals import SCORE_AND_MACS, append


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    recipe = parse_recipe({"space": {"name": "cifar-resnet", "options": {"width": 6}}})
    return RunDirectory.create_or_continue(tmp_path / "run", recipe)


def candidates() -> list[tuple[Candidate, float]]:
    """All archs of a space with made-up scores; some over the budget, some without a value."""
    generator = np.random.default_rng(0)
    found = []
    for number, arch in enumerate(CifarResNet().enumerate()):
        score = float(generator.normal())
        macs = 1_000 * sum(int(depth) for depth in arch.values())
        over, degenerate = number % 7 == 0, number % 11 == 5
        scores = {} if over else {"naswot": -math.inf if degenerate else score}
        violations = {"macs": 0.5 if over else -0.5}
        found.append((Candidate(arch, macs, macs // 10, violations, scores), score))
    return found


def expected(told: Sequence[tuple[Candidate, float]]) -> list[Arch]:
    """The front by its definition, best score first."""
    usable = [(c, s) for c, s in told if c.feasible and c.scores and not c.degenerate]
    front = [
        (c, s)
        for c, s in usable
        if not any(o.macs <= c.macs and t >= s and (o.macs < c.macs or t > s) for o, t in usable)
    ]
    return [candidate.arch for candidate, _ in sorted(front, key=lambda pair: -pair[1])]


def test_it_grows_with_the_journal(run: RunDirectory) -> None:
    told, front = candidates(), JournalFront(run)
    assert front.read() == {"evaluated": 0, "unique": 0, "feasible": 0, "front": []}
    for start in range(0, len(told), 16):
        append(run, told[start : start + 16])
        document = front.read()
        so_far = told[: start + 16]
        assert document["evaluated"] == document["unique"] == len(so_far)
        assert document["feasible"] == sum(candidate.feasible for candidate, _ in so_far)
        assert [Arch(entry["arch"]) for entry in document["front"]] == expected(so_far)
    assert JournalFront(run).read() == document
    assert len(document["front"]) > 2


def test_an_entry_is_one_of_a_finished_run(run: RunDirectory) -> None:
    told = candidates()[1:2]
    append(run, told)
    (entry,) = JournalFront(run).read()["front"]
    assert entry["description"] == "ResNet[1 1 3]"
    assert entry["scores"] == {"score": told[0][1], "naswot": told[0][1]}
    assert (entry["macs"], entry["params"], entry["latency_ms"]) == (5_000, 500, None)


def test_repeated_candidates_count_once(run: RunDirectory) -> None:
    told = candidates()[:10]
    append(run, [*told, *told])
    document = JournalFront(run).read()
    assert (document["evaluated"], document["unique"]) == (20, 10)
    assert [Arch(entry["arch"]) for entry in document["front"]] == expected(told)


def test_one_objective_has_one_best(run: RunDirectory) -> None:
    told = candidates()
    best = max(s for c, s in told if c.feasible and not c.degenerate)
    append(run, told, SCORE_AND_MACS[:1])
    (entry,) = JournalFront(run).read()["front"]
    assert entry["scores"]["score"] == best


def test_the_document_of_a_running_search_has_the_front(run: RunDirectory) -> None:
    append(run, candidates())
    document = read_document(run)
    assert document["student"] is None
    assert document["trials"] == run.recipe.search.trials
    assert document["front"] == JournalFront(run).read()["front"]


def test_a_journal_without_a_study_is_no_error(run: RunDirectory) -> None:
    run.journal.write_bytes(b"")
    assert JournalFront(run).read()["evaluated"] == 0
