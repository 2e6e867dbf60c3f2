"""The search loop on real digits: duplicates, budget, exact continuation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits

from nas_kd.costs import Budget
from nas_kd.errors import NoFeasibleStudentError
from nas_kd.report.dashboard.values_by_now import ValuesByNow
from proxies import log_rank_fusion
from search_spaces import SearchSpace, Task, create_space
from studies.candidates import Candidate
from studies.evaluator import Evaluator
from studies.found_document import found_document
from studies.journal import open_storage
from studies.kept_scores import KeptScores
from studies.observer import SilentObserver
from studies.recipe import Recipe
from studies.recipe_files import load_recipe
from studies.run_directory import FOUND, RunDirectory
from studies.samplers import SAMPLERS
from studies.search import Search
from studies.search_result import SearchResult
from studies.trials import NO_VALUE, candidate_of, constraints, duplicate_of

SPACE = create_space("nasbench201", channels=4, cells_per_stage=1)
TASK = Task(1, 8, 10)
TEACHER = {"macs": 200_000.0, "params": 100_000.0, "latency_ms": 1.0}


def _recipe(**overrides: Any) -> Recipe:
    settings = {
        "search.trials": 60,
        "search.batch_size": 20,
        "search.proxies": ["naswot", "params"],
        "budget.limits": ["macs=60%"],
    }
    return load_recipe("digits", {**settings, **overrides})


def _search(
    recipe: Recipe, path: Path, observer: Any = None, space: SearchSpace = SPACE
) -> tuple[SearchResult, Evaluator]:
    digits = load_digits()
    run = RunDirectory.create_or_continue(path, recipe)
    kept = KeptScores(run.scores, run.tell)
    scored = run.work("scored")

    def keep(candidate: Candidate) -> None:
        kept.append(candidate)
        with scored.open("a") as file:
            file.write(f"{candidate.key}\n")

    evaluator = Evaluator(
        space,
        TASK,
        limits=Budget.parse(recipe.budget.limits).limits(TEACHER),
        proxies=recipe.search.proxies,
        images=torch.tensor(digits.images[:16] / 16, dtype=torch.float32)[:, None],
        labels=torch.tensor(digits.target[:16]),
        teacher=None,
        seed=0,
        keep=keep,
    )
    for candidate in kept.read():
        evaluator.remember(candidate)
    search = Search(recipe, run, space, evaluator, observer or SilentObserver())
    return search.run(), evaluator


class _KilledAt(SilentObserver):
    """Ends the search from within, as a kill would, at one moment."""

    def __init__(self, trial: int) -> None:
        self._trial = trial

    def advance(self, done: int, *, best: str = "") -> None:
        if done == self._trial:
            raise KeyboardInterrupt


class _Notes(SilentObserver):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def note(self, message: str) -> None:
        self.messages.append(message)


def _scored(path: Path) -> list[str]:
    """Keys of the candidates in the order in which they were scored, over all calls."""
    return (path / "work" / "scored").read_text().split()


def _rows(result: SearchResult) -> list[tuple[Any, ...]]:
    return [
        (t.number, candidate_of(t).key, tuple(t.values), duplicate_of(t)) for t in result.trials
    ]


@pytest.mark.parametrize("sampler", SAMPLERS.names())
def test_a_killed_search_continues_to_the_same_trials_and_front(
    sampler: str, tmp_path: Path
) -> None:
    recipe = _recipe(**{"search.sampler": sampler})
    whole, _ = _search(recipe, tmp_path / "whole")
    for moment in (5, 33, 60):
        with pytest.raises(KeyboardInterrupt):
            _search(recipe, tmp_path / "killed", _KilledAt(moment))
    continued, _ = _search(recipe, tmp_path / "killed")
    assert _rows(continued) == _rows(whole)
    assert continued.front == whole.front
    assert continued.ranking == whole.ranking
    assert _scored(tmp_path / "killed") == _scored(tmp_path / "whole")
    assert len(set(_scored(tmp_path / "whole"))) == len(_scored(tmp_path / "whole"))


def test_scores_by_rank_are_those_of_the_whole_history_also_after_a_kill(tmp_path: Path) -> None:
    recipe = _recipe(**{"search.proxies": ["az_nas"], "search.sampler": "nsga2"})
    assert recipe.search.fusion == "log-rank"
    whole, _ = _search(recipe, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _search(recipe, tmp_path / "killed", _KilledAt(45))
    continued, _ = _search(recipe, tmp_path / "killed")
    assert _rows(continued) == _rows(whole)
    assert continued.front == whole.front
    assert continued.ranking == whole.ranking

    scored = [c for c in whole.unique if c.scores]
    fused = log_rank_fusion(pd.DataFrame([dict(c.scores) for c in scored]))
    assert [whole.objectives.score(c) for c in scored] == pytest.approx(list(fused))
    assert any(c.degenerate for c in whole.ranking)  # an identity is last in one term alone
    by_now = {t.number: t.values[0] for t in whole.trials_by_now}
    told = {t.number: t.values[0] for t in whole.trials}
    assert by_now != told
    run = RunDirectory.open(tmp_path / "whole")
    values, view = ValuesByNow.of(run), open_storage(run.journal)
    assert values is not None
    assert {n: v[0] for n, v in values.by_number(view.get_all_trials(0)).items()} == by_now
    best = whole.ranking[0]
    assert all(by_now[t.number] <= whole.objectives.score(best) for t in whole.trials)
    assert best in whole.front


@pytest.mark.parametrize("share", [0.02, 0.31, 0.5, 0.83, 0.999])
def test_a_journal_cut_anywhere_is_completed_not_repeated(share: float, tmp_path: Path) -> None:
    recipe = _recipe()
    whole, _ = _search(recipe, tmp_path / "run")
    journal = tmp_path / "run" / "journal.log"
    content = journal.read_bytes()
    journal.write_bytes(content[: int(len(content) * share)])
    scored = _scored(tmp_path / "run")
    continued, _ = _search(recipe, tmp_path / "run")
    assert _rows(continued) == _rows(whole)
    assert _scored(tmp_path / "run") == scored
    study = optuna.load_study(study_name="run", storage=open_storage(journal))
    assert [t.number for t in study.trials] == list(range(60))


@pytest.mark.parametrize("place", [0.3, 0.6, 0.95])
def test_a_damaged_journal_is_recovered_and_said_so(place: float, tmp_path: Path) -> None:
    recipe = _recipe()
    whole, _ = _search(recipe, tmp_path / "run")
    journal = tmp_path / "run" / "journal.log"
    content = bytearray(journal.read_bytes())
    content[int(len(content) * place)] ^= 4
    journal.write_bytes(content)
    notes = _Notes()
    continued, _ = _search(recipe, tmp_path / "run", notes)
    assert _rows(continued) == _rows(whole)
    assert "is damaged from byte" in notes.messages[0]
    assert (tmp_path / "run" / "journal.log.damaged").read_bytes() == content


def test_candidates_over_the_budget_are_recorded_but_never_scored(tmp_path: Path) -> None:
    result, _ = _search(_recipe(), tmp_path / "run")
    over = [c for c in result.unique if not c.feasible]
    assert over, "the largest cell is searched first and is over this budget"
    assert all(not c.scores for c in over)
    assert all(c.macs <= 0.6 * TEACHER["macs"] for c in result.ranking)


def test_isomorphic_archs_share_one_evaluation(tmp_path: Path) -> None:
    result, _ = _search(_recipe(**{"search.trials": 200}), tmp_path / "run")
    firsts = [t for t in result.trials if duplicate_of(t) is None]
    assert len({candidate_of(t).key for t in result.trials}) == len(firsts) == len(result.unique)
    for trial in result.trials:
        owner = duplicate_of(trial)
        if owner is not None:
            assert candidate_of(result.trials[owner]) == candidate_of(trial)


def test_the_front_is_optunas_own_feasible_front_also_after_reading_the_journal(
    tmp_path: Path,
) -> None:
    result, _ = _search(_recipe(), tmp_path / "run")
    study = optuna.load_study(
        study_name="run", storage=open_storage(tmp_path / "run" / "journal.log")
    )
    assert {candidate_of(t).key for t in study.best_trials} == {c.key for c in result.front}
    scores = [result.objectives.score(c) for c in result.front]
    macs = [c.macs for c in result.front]
    assert scores == sorted(scores, reverse=True)
    assert macs == sorted(macs, reverse=True)


def test_a_running_search_keeps_what_it_found_so_far(tmp_path: Path) -> None:
    class Looking(SilentObserver):
        found: dict[str, Any] | None = None

        def advance(self, done: int, *, best: str = "") -> None:
            self.found = self.found or RunDirectory.open(tmp_path / "run").read_state(FOUND)

    looking = Looking()
    result, _ = _search(_recipe(), tmp_path / "run", looking)
    first = SearchResult(result.objectives)
    for trial in result.trials[:20]:
        first.add(trial)
    found = {**found_document(SPACE, first, {}), "trials": 60}
    assert looking.found == json.loads(json.dumps(found))


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_what_a_search_starts_with_is_looked_at_first(sampler: str, tmp_path: Path) -> None:
    """Whether the sampler looks at trials or not, and given either way."""
    cells = (
        "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|",
        "|avg_pool_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_1x1~2|",
    )
    arch = SPACE.parse(cells[1])
    start = [cells[0], arch.to_json()]
    result, _ = _search(_recipe(**{"search.sampler": sampler, "search.start": start}), tmp_path)
    wanted = [SPACE.canonical(SPACE.parse(cell)) for cell in cells]
    assert [candidate_of(trial).arch for trial in result.trials[:2]] == wanted
    assert len(result.trials) == 60


@pytest.mark.parametrize("trials", [None, 20])
def test_an_exhaustive_search_takes_the_whole_space_or_says_that_it_does_not(
    trials: int | None, tmp_path: Path
) -> None:
    space, notes = create_space("cifar-resnet", width=4), _Notes()
    changes = {"sampler": "exhaustive", "start": ["[5 1 1]"], "trials": trials}
    recipe = _recipe(**{f"search.{name}": value for name, value in changes.items()})
    result, _ = _search(recipe, tmp_path / "run", notes, space)
    archs = [candidate_of(trial).arch for trial in result.trials]
    assert archs[0] == space.parse("[5 1 1]")
    assert len(archs) == len(set(archs)) == (trials or 64)
    assert [message for message in notes.messages if "looked at" in message] == [
        "20 of the 64 networks of cifar-resnet are looked at, the first in its order. Leave out "
        "--trials to look at all."
    ] * (trials is not None)


def test_an_impossible_budget_names_the_smallest_student(tmp_path: Path) -> None:
    message = r"none of \d,\d{3} tried\. The smallest has .* and is over in macs by \d+%\. Raise"
    with pytest.raises(NoFeasibleStudentError, match=message):
        _search(_recipe(**{"budget.limits": ["macs=1k"]}), tmp_path / "run")


def test_a_rough_scale_is_told(tmp_path: Path) -> None:
    space, notes = create_space("cifar-resnet", width=4), _Notes()
    sizes = [space.sizes(arch, TASK) for arch in space.enumerate()]
    smallest = min(size.macs for size in sizes if size is not None)
    recipe = _recipe(**{"budget.limits": [f"macs={2 * smallest}"], "search.trials": 24})
    _search(recipe, tmp_path / "tight", notes, space)
    _search(_recipe(**{"search.trials": 4}), tmp_path / "short", notes)
    tight, short = notes.messages
    assert re.search(r"rests on \d students alone \(of 64 tried, no others meet", tight)
    assert "rests on 4 students alone (no more than there are trials; up to 48" in short


def test_after_an_impossible_budget_the_same_run_takes_a_possible_one(tmp_path: Path) -> None:
    with pytest.raises(NoFeasibleStudentError):
        _search(_recipe(**{"budget.limits": ["macs=1k"]}), tmp_path / "run")
    result, _ = _search(_recipe(**{"search.trials": 20}), tmp_path / "run")
    assert len(result.trials) == 20


def test_constraints_reach_the_dashboard(tmp_path: Path) -> None:
    """Fails when optuna-dashboard reads Optuna 5's constraints itself: then drop the older form."""
    from optuna_dashboard._serializer import serialize_frozen_trial

    start = ["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"]
    result, _ = _search(_recipe(**{"search.start": start}), tmp_path / "run")
    study = optuna.load_study(
        study_name="run", storage=open_storage(tmp_path / "run" / "journal.log")
    )
    shown = [_shown_constraints(serialize_frozen_trial, study, t) for t in study.trials]
    objectives, found = result.objectives, [candidate_of(t) for t in result.trials]
    expected = [constraints(c, objectives.has_values(c)) for c in found]
    assert shown == [list(one.values()) for one in expected]
    assert any(NO_VALUE in one for one in expected)
    bare = study.trials[0]
    bare.system_attrs.pop("constraints")
    assert not _shown_constraints(serialize_frozen_trial, study, bare)


def _shown_constraints(
    serialize: Callable[..., Any], study: optuna.Study, trial: optuna.trial.FrozenTrial
) -> Any:
    return serialize(study._study_id, trial, trial.system_attrs)["constraints"]
