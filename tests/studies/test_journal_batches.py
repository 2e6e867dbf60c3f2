"""Trials written together are those that would have been written one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, create_trial

from studies.journal_batches import append_together


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.log"


def _trials(count: int) -> list[FrozenTrial]:
    distribution = optuna.distributions.IntDistribution(0, 99)
    return [
        create_trial(
            value=float(n), params={"x": n}, distributions={"x": distribution},
            user_attrs={"n": n}, constraints={"macs": -0.5},
        )
        for n in range(count)
    ]  # fmt: skip


def _read(journal: Path) -> list[FrozenTrial]:
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return optuna.load_study(study_name="s", storage=storage).trials


@pytest.fixture
def study(journal: Path) -> optuna.Study:
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return optuna.create_study(study_name="s", storage=storage)


def test_batches_are_read_by_optuna_itself(journal: Path, study: optuna.Study) -> None:
    trials = _trials(6)
    for batch in (trials[:4], trials[4:], []):
        append_together(JournalFileBackend(str(journal)), batch)
    for found in (_read(journal), study.trials):
        assert [t.number for t in found] == list(range(6))
        assert [(t.params, t.values, t.user_attrs, t.constraints) for t in found] == [
            (t.params, t.values, t.user_attrs, t.constraints) for t in trials
        ]


def test_what_others_appended_stays(journal: Path, study: optuna.Study) -> None:
    append_together(JournalFileBackend(str(journal)), _trials(2))
    study.set_user_attr("note", "from the dashboard")
    append_together(JournalFileBackend(str(journal)), _trials(3)[2:])
    assert [t.user_attrs["n"] for t in _read(journal)] == [0, 1, 2]
    assert study.user_attrs == {"note": "from the dashboard"}


def test_a_batch_is_one_write(journal: Path, study: optuna.Study) -> None:
    class Counting(JournalFileBackend):
        writes = 0

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            Counting.writes += 1
            super().append_logs(logs)

    append_together(Counting(str(journal)), _trials(5))
    assert Counting.writes == 1
    assert len(study.trials) == 5


def test_an_error_writes_nothing(journal: Path, study: optuna.Study) -> None:
    broken = _trials(3)
    broken[2].user_attrs["n"] = object()
    with pytest.raises(TypeError):
        append_together(JournalFileBackend(str(journal)), broken)
    assert _read(journal) == study.trials == []
